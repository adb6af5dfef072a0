// Package accesslog collects what proxies log about requests, by Envoy's gRPC access log service. A Collector
// in a pod receives it from every proxy of a namespace and keeps the newest entries. A reader outside of the
// cluster follows them with Follow, and misses nothing when the connection breaks.
package accesslog

import (
	"cmp"
	"net"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
)

// An Entry is one line of a proxy's access log.
type Entry struct {
	// ID is the request's x-request-id. A TCP connection has none.
	ID string
	// Proxy is the pod whose proxy wrote the entry. Log is the name that the proxy's logger was configured with.
	Proxy string
	Log   string
	// Start is when the proxy had the request's first byte, by its wall clock, in ns since 1970. Took lasts
	// until the last byte of the response was sent, or the request ended otherwise.
	Start int64
	Took  time.Duration
	// Reached lasts from Start until the proxy sent the request's first byte on. It is 0 if it never did.
	Reached time.Duration
	// Code is the HTTP status, 0 if none was sent.
	Code int
	// Flags are Envoy's response flags by their short names.
	Flags []string
	// Details is Envoy's response_code_details, Failure its upstream_transport_failure_reason.
	Details string
	Failure string
	// Cluster is the Envoy cluster that the route chose. Upstream is the address that the request was sent to last.
	Cluster  string
	Upstream string
	// Downstream is the address from which a TCP connection came to the proxy, and UpstreamLocal the proxy's own one of
	// its connection to Upstream. Both are empty for a request by HTTP.
	Downstream    string
	UpstreamLocal string
	// Attempts is how often the proxy sent the request, the first time included.
	Attempts int
	// GRPC is the number of the grpc-status, from the answer's trailer or from its header where it has nothing else.
	GRPC string
	// Header has the response headers that the logger was configured to log, in lower case.
	Header map[string]string
}

// ClusterTag is the custom tag that a logger must be configured with. Envoy's own field for the cluster is
// empty if the cluster had no host, which is when its name is needed.
const ClusterTag = "cluster"

// GRPCHeader is the header and the trailer that a logger must be configured with for Entry.GRPC.
const GRPCHeader = "grpc-status"

// newEntry makes an Entry of what a proxy logged.
func newEntry(pod, log string, in *datav3.HTTPAccessLogEntry) Entry {
	request, response := in.GetRequest(), in.GetResponse()
	e := commonEntry(pod, log, in.GetCommonProperties())
	e.ID, e.Header = request.GetRequestId(), response.GetResponseHeaders()
	e.Code, e.Details = int(response.GetResponseCode().GetValue()), response.GetResponseCodeDetails()
	e.GRPC = cmp.Or(response.GetResponseTrailers()[GRPCHeader], e.Header[GRPCHeader])
	return e
}

// newConnection makes an Entry of what a proxy logged of a TCP connection, at its end.
func newConnection(pod, log string, in *datav3.TCPAccessLogEntry) Entry {
	common := in.GetCommonProperties()
	e := commonEntry(pod, log, common)
	e.Details, e.Took = common.GetConnectionTerminationDetails(), common.GetDuration().AsDuration()
	e.Downstream = address(common.GetDownstreamRemoteAddress())
	e.UpstreamLocal = address(common.GetUpstreamLocalAddress())
	return e
}

// commonEntry has what a proxy logs of requests and of connections.
func commonEntry(pod, log string, common *datav3.AccessLogCommon) Entry {
	e := Entry{
		Proxy: pod, Log: log,
		Start:    common.GetStartTime().AsTime().UnixNano(),
		Took:     common.GetDuration().AsDuration(),
		Reached:  common.GetTimeToFirstUpstreamTxByte().AsDuration(),
		Flags:    flags(common.GetResponseFlags()),
		Failure:  common.GetUpstreamTransportFailureReason(),
		Cluster:  common.GetCustomTags()[ClusterTag],
		Upstream: address(common.GetUpstreamRemoteAddress()),
		Attempts: int(common.GetUpstreamRequestAttemptCount()),
	}
	if last := common.GetTimeToLastDownstreamTxByte().AsDuration(); last > 0 {
		e.Took = last
	}
	if e.Cluster == "" || e.Cluster == "-" {
		e.Cluster = common.GetUpstreamCluster()
	}
	return e
}

// address returns host:port, or "" for anything but a socket.
func address(a *corev3.Address) string {
	s := a.GetSocketAddress()
	if s.GetAddress() == "" {
		return ""
	}
	return net.JoinHostPort(s.GetAddress(), strconv.FormatUint(uint64(s.GetPortValue()), 10))
}

// flags returns the response flags by the short names that Envoy's text log has for them
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

// podOfNode returns the pod in the id that Istio gives a proxy:
// sidecar~10.0.0.7~pod.namespace~namespace.svc.cluster.local (istio.io/istio/pilot/pkg/model, ServiceNode). It
// returns another id unchanged.
func podOfNode(node string) string {
	part := strings.Split(node, "~")
	if len(part) != 4 {
		return node
	}
	pod, _, _ := strings.Cut(part[2], ".")
	return pod
}
