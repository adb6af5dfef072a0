package analysis

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Hop is a place on a request's way.
type Hop string

// The hops, in their order.
const (
	CallerHop Hop = "caller"
	ClientHop Hop = "client proxy"
	GateHop   Hop = "gateway"
	ServerHop Hop = "server proxy"
	AppHop    Hop = "app"
)

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

// failure says how a request came to its error: no answer, or a status of 400 or above. It returns false for a
// request without an error that no proxy flagged. It also returns false for a WebSocket that was read to its
// end: a client that has the server's closing frame may close the connection first, and Envoy flags that as DC.
func failure(q *trace.Request) (Failure, bool) {
	s, r := q.Sample, q.Router()
	if s.Code != 0 && s.Code < 400 && (r == nil || len(r.Flags) == 0) {
		return Failure{}, false
	}
	if s.Code == http.StatusSwitchingProtocols && FlagSet(r.Flags) == "DC" {
		return Failure{}, false
	}
	f := Failure{Code: s.Code, Version: s.Version, Flag: NotLogged, Origin: NotLogged, Hop: CallerHop}
	var server *trace.LogEntry
	for i := range q.Servers {
		// The caller got the outcome of the last attempt.
		if e := &q.Servers[i]; server == nil || e.Start.After(server.Start) {
			server = e
		}
	}
	if r != nil {
		f.Flag = FlagSet(r.Flags)
		if to, ok := ParseCluster(r.Cluster); ok {
			f.Subset = to.Subset
		}
	} else if server != nil {
		f.Flag = FlagSet(server.Flags)
	}
	passedOn := r == nil || r.Details == trace.ViaUpstream && len(r.Flags) == 0
	switch {
	case r != nil && !passedOn && slices.Contains(r.Flags, "DC"):
		f.Origin, f.Details = FlagSet(r.Flags), r.Details
		f.Cause = format.Join(": ", "the caller hung up", s.Err)
	case r != nil && !passedOn:
		f.Hop, f.Origin, f.Details = routerHop(r), FlagSet(r.Flags), r.Details
		f.Cause = meaning(flagMeanings, f.Origin)
		if r.Failure != "" {
			f.Cause += " (" + r.Failure + ")"
		}
	case server != nil && (len(server.Flags) > 0 || server.Details != trace.ViaUpstream):
		f.Hop, f.Origin, f.Details = ServerHop, FlagSet(server.Flags), server.Details
		f.Cause = cmp.Or(meaning(serverMeanings, f.Origin), "the pod's own proxy answered by itself")
	case s.Code == 0:
		f.Cause = format.Join(": ", "no answer", s.Err)
		if r != nil {
			f.Origin, f.Details = NoFlag, r.Details
		}
	case s.Version != "" || server != nil:
		f.Hop, f.Origin, f.Details, f.Cause = AppHop, NoFlag, trace.ViaUpstream, "the app itself answered so"
	case r != nil:
		f.Hop, f.Origin, f.Details = routerHop(r), NoFlag, r.Details
		f.Cause = "the answer came from the pod, and no proxy there says more: it has no sidecar, or its log entry " +
			"is missing"
	default:
		f.Cause = "nobody on the way logged the request"
	}
	return f, true
}

func routerHop(r *trace.LogEntry) Hop {
	if r.Side == trace.GatewaySide {
		return GateHop
	}
	return ClientHop
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

// Meaning explains a set of flags of the proxy that routes, as FlagSet writes it. It is empty where one of them
// is not known.
func Meaning(set string) string { return meaning(flagMeanings, set) }
