// Package accesslog collects what proxies log about requests, by Envoy's gRPC access log service: a Collector in a pod takes
// it in from every proxy of a namespace and keeps the newest for a reader outside of the cluster, who follows it with Follow
// and misses nothing when the connection breaks.
package accesslog

import (
	"net"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
)

// An Entry is one line of a proxy's access log. Its names are short because it is sent for every request.
type Entry struct {
	// ID is the request's x-request-id.
	ID string `json:"id"`
	// Proxy is the pod whose proxy wrote the entry, Log the name that its logger was configured with.
	Proxy string `json:"p"`
	Log   string `json:"l"`
	// Start is when the proxy had the request's first byte, by its wall clock, in ns since 1970. Took is until the
	// answer's last byte was sent, or the request ended otherwise.
	Start int64         `json:"s"`
	Took  time.Duration `json:"t"`
	// Reached is from Start until the request's first byte was sent on, 0 where it never was.
	Reached time.Duration `json:"r,omitempty"`
	// Code is the HTTP status, 0 where none was sent.
	Code int `json:"c,omitempty"`
	// Flags are Envoy's response flags by their short names.
	Flags []string `json:"f,omitempty"`
	// Details is Envoy's response_code_details, Failure its upstream_transport_failure_reason.
	Details string `json:"d,omitempty"`
	Failure string `json:"x,omitempty"`
	// Cluster is the Envoy cluster that the route picked, Upstream the address that the request was sent to last.
	Cluster  string `json:"k,omitempty"`
	Upstream string `json:"u,omitempty"`
	// Attempts is how often the proxy sent the request, the first time included.
	Attempts int `json:"n,omitempty"`
	// Header has the headers of the answer that the logger was told to log, in lower case.
	Header map[string]string `json:"h,omitempty"`
}

// ClusterTag is the custom tag that a logger has to be configured with: Envoy's own field for the cluster is empty where the
// cluster had no host to offer, which is when one wants to know it.
const ClusterTag = "cluster"

// newEntry takes over what a proxy logged.
func newEntry(pod, log string, in *datav3.HTTPAccessLogEntry) Entry {
	common, request, response := in.GetCommonProperties(), in.GetRequest(), in.GetResponse()
	e := Entry{
		ID: request.GetRequestId(), Proxy: pod, Log: log,
		Start:    common.GetStartTime().AsTime().UnixNano(),
		Took:     common.GetDuration().AsDuration(),
		Reached:  common.GetTimeToFirstUpstreamTxByte().AsDuration(),
		Code:     int(response.GetResponseCode().GetValue()),
		Flags:    flags(common.GetResponseFlags()),
		Details:  response.GetResponseCodeDetails(),
		Failure:  common.GetUpstreamTransportFailureReason(),
		Cluster:  common.GetCustomTags()[ClusterTag],
		Upstream: address(common.GetUpstreamRemoteAddress()),
		Attempts: int(common.GetUpstreamRequestAttemptCount()),
		Header:   response.GetResponseHeaders(),
	}
	if last := common.GetTimeToLastDownstreamTxByte().AsDuration(); last > 0 {
		e.Took = last
	}
	if e.Cluster == "" || e.Cluster == "-" {
		e.Cluster = common.GetUpstreamCluster()
	}
	return e
}

// address is host:port, empty for anything else.
func address(a *corev3.Address) string {
	s := a.GetSocketAddress()
	if s.GetAddress() == "" {
		return ""
	}
	return net.JoinHostPort(s.GetAddress(), strconv.FormatUint(uint64(s.GetPortValue()), 10))
}

// flags are the response flags by the short names that Envoy's text log has for them
// (https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage, %RESPONSE_FLAGS%).
func flags(f *datav3.ResponseFlags) []string {
	if f == nil {
		return nil
	}
	var all []string
	for _, flag := range []struct {
		set  bool
		name string
	}{
		{f.FailedLocalHealthcheck, "LH"},
		{f.NoHealthyUpstream, "UH"},
		{f.UpstreamRequestTimeout, "UT"},
		{f.LocalReset, "LR"},
		{f.UpstreamRemoteReset, "UR"},
		{f.UpstreamConnectionFailure, "UF"},
		{f.UpstreamConnectionTermination, "UC"},
		{f.UpstreamOverflow, "UO"},
		{f.NoRouteFound, "NR"},
		{f.DelayInjected, "DI"},
		{f.FaultInjected, "FI"},
		{f.RateLimited, "RL"},
		{f.UnauthorizedDetails != nil, "UAEX"},
		{f.RateLimitServiceError, "RLSE"},
		{f.DownstreamConnectionTermination, "DC"},
		{f.UpstreamRetryLimitExceeded, "URX"},
		{f.StreamIdleTimeout, "SI"},
		{f.InvalidEnvoyRequestHeaders, "IH"},
		{f.DownstreamProtocolError, "DPE"},
		{f.UpstreamMaxStreamDurationReached, "UMSDR"},
		{f.ResponseFromCacheFilter, "RFCF"},
		{f.NoFilterConfigFound, "NFCF"},
		{f.DurationTimeout, "DT"},
		{f.UpstreamProtocolError, "UPE"},
		{f.NoClusterFound, "NC"},
		{f.OverloadManager, "OM"},
		{f.DnsResolutionFailure, "DF"},
		{f.DownstreamRemoteReset, "DR"},
	} {
		if flag.set {
			all = append(all, flag.name)
		}
	}
	return all
}

// podOf is the pod in the id that Istio gives a proxy: sidecar~10.0.0.7~pod.namespace~namespace.svc.cluster.local
// (istio.io/istio/pilot/pkg/model, ServiceNode). Another id is kept as it is.
func podOf(node string) string {
	part := strings.Split(node, "~")
	if len(part) != 4 {
		return node
	}
	pod, _, _ := strings.Cut(part[2], ".")
	return pod
}
