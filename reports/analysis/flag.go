package analysis

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// What Counts.Flags has instead of a flag of Envoy's.
const (
	// NoFlag stands for an answer that the client's proxy passed on as it came.
	NoFlag = "-"
	// NotLogged stands for a request that the access log has no entry for, so that its flag is not known.
	NotLogged = "?"
)

// flagMeanings explains Envoy's response flags in the words of a canary. The flags themselves are listed in Envoy's
// documentation, "Access logging", under %RESPONSE_FLAGS%.
var flagMeanings = map[string]string{
	"UH":      "the subset's cluster has no healthy host: no ready pod has the subset's labels, or all are ejected",
	"NC":      "the route names a cluster that the proxy does not have, such as a subset nobody defined",
	"NR":      "no route matched the request",
	"UF":      "the connection to the pod could not be made",
	"URX":     "every retry was used up",
	"UC":      "the pod closed the connection before it answered",
	"UO":      "a circuit breaker was open: too many connections or requests were pending",
	"UT":      "the pod did not answer within the route's timeout",
	"FI":      "the mesh's own fault injection aborted the request",
	"DI":      "the mesh's own fault injection delayed the request",
	"RL":      "a rate limit refused the request",
	"DC":      "the caller hung up before the answer was complete",
	"DPE":     "the caller broke the HTTP protocol",
	"UPE":     "the pod broke the HTTP protocol, or speaks another version of it",
	"UR":      "the pod reset the stream before it answered",
	"LR":      "the proxy itself reset the stream",
	"UMSDR":   "the request took longer than the longest time that the pod's cluster or the route lets a stream last",
	"DT":      "a connection or request took longer than the proxy lets one last",
	"SI":      "nothing came for as long as a stream may be idle",
	"DR":      "the caller reset the stream before the answer was complete",
	"DF":      "the name of the upstream host could not be resolved",
	"DO":      "the proxy is configured to drop a part of the cluster's requests",
	"UDO":     "the proxy is configured to drop all of the cluster's requests",
	"LH":      "the proxy's health check filter said that it is not healthy",
	"OM":      "the proxy was overloaded and ended the request",
	"IH":      "a header that the proxy checks had a value that it does not allow",
	"UAEX":    "the service that the proxy asks for authorization denied the request",
	"RLSE":    "the service that the proxy asks for rate limits could not be asked",
	"NFCF":    "the proxy had not received the configuration of one of its filters yet",
	"RFCF":    "a cache in the proxy had the answer",
	NoFlag:    "the answer came from the pod: from the app itself, or from the pod's own proxy",
	NotLogged: "the client proxy's access log has no entry for the request",
}

// serverMeanings explains flags that the proxy of the app's own pod sets: there "upstream" is the app.
// flagMeanings has those of the proxy that routes.
var serverMeanings = map[string]string{
	"UF":  "the pod's own proxy could not connect to the app: nothing listens on the port",
	"UC":  "the app closed the connection before it answered",
	"UH":  "the pod's own proxy has no app to send to",
	"UO":  "a limit of the pod's own proxy was reached: too many connections or requests for the app",
	"UT":  "the app did not answer within the pod's own proxy's timeout",
	"URX": "every retry was used up",
	"RL":  "a rate limit in the pod's own proxy refused the request",
	"FI":  "fault injection in the pod's own proxy aborted the request",
	"DC":  "the other side hung up before the answer was complete",
	"UPE": "the app broke the HTTP protocol",
	"DPE": "the other side broke the HTTP protocol",
	"NR": "the pod's own proxy has no route to the app: the request came for a port or in a way that it does not " +
		"serve",
}

// ConfigDecides tells whether each flag of a set is one with which a proxy fails a request by its configuration and the
// pods that there are, whatever the load: no healthy host, no cluster, no route, or a fault or a drop that it draws for
// each request. A late load agent can't cause such an error. It can cause any other, by requests that come at once: the
// app's own, timeouts, limits, connections that were refused.
func ConfigDecides(set string) bool {
	for flag := range strings.SplitSeq(set, ",") {
		switch flag {
		case "UH", "NC", "NR", "FI", "DO", "UDO":
		default:
			return false
		}
	}
	return true
}

// FlagSet writes flags as reports do: sorted, each once, with commas. Envoy's own order differs between its versions.
// No flags at all are NoFlag.
func FlagSet(flags []string) string {
	return cmp.Or(strings.Join(slices.Compact(slices.Sorted(slices.Values(flags))), ","), NoFlag)
}

// A Destination is what Istio's name of an Envoy cluster says.
type Destination struct {
	Port int
	// Subset is empty where the route named only the host.
	Subset string
	// Host is the full name of the service.
	Host string
}

// ParseCluster takes apart a cluster name such as outbound|80|v2|my-service.demo.svc.cluster.local. It reports false
// for other names, such as PassthroughCluster. Source of the form: BuildSubsetKey in istio.io/istio/pilot/pkg/model.
func ParseCluster(name string) (Destination, bool) {
	part := strings.Split(name, "|")
	if len(part) != 4 || part[0] != "outbound" {
		return Destination{}, false
	}
	port, err := strconv.Atoi(part[1])
	if err != nil {
		return Destination{}, false
	}
	return Destination{Port: port, Subset: part[2], Host: part[3]}, true
}

// meaning explains a set of flags, empty where one of them is not known.
func meaning(of map[string]string, set string) string {
	var all []string
	for _, flag := range strings.Split(set, ",") {
		m, ok := of[flag]
		if !ok {
			return ""
		}
		all = append(all, m)
	}
	return strings.Join(all, "; ")
}

// Meaning explains a set of flags of the proxy that routes, as FlagSet writes it, for a report that was read without
// causes. It is empty where one of them is not known.
func Meaning(set string) string { return meaning(flagMeanings, set) }
