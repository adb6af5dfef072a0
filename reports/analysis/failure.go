package analysis

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/canarylab/canarylab/loadgen"
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

// FailureOf finds the hop where a request's error arose, an error being what loadgen.Sample calls Failed, and says
// in words why it did. It asks the hops from the caller's side on: the proxy that routed the request, unless it only
// passed an answer on; then the pod's proxy; then the app. It returns false for a request without an error that no
// proxy flagged. It also returns false for a WebSocket that was read to its end: a client that has the server's closing
// frame may close the connection first, and Envoy flags that as DC.
func FailureOf(q *trace.Request) (Failure, bool) {
	s, r := q.Sample, q.Router()
	if !s.Failed() && (r == nil || len(r.Flags) == 0) {
		return Failure{}, false
	}
	if s.Code == http.StatusSwitchingProtocols && FlagSet(r.Flags) == "DC" {
		return Failure{}, false
	}
	f := Failure{Code: s.Code, Version: s.Version, Flag: NotLogged, Origin: NotLogged, Hop: CallerHop}
	if s.GRPC != loadgen.GRPCOK {
		f.GRPC = s.GRPC
	}
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
	// A request without a proxy that routed it has nobody there who could have failed it.
	passedOn := r == nil || r.PassedOn() && len(r.Flags) == 0
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
	case server != nil && (len(server.Flags) > 0 || !server.PassedOn()):
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
	if f.GRPC != "" && s.Code != 0 {
		f.Cause += grpcMeaning(f)
	}
	return f, true
}

// grpcMeaning says of a failed call with an answer where its failure is to be seen.
func grpcMeaning(f Failure) string {
	text := ", with grpc-status " + f.GRPC + " in a 200"
	if f.Hop == AppHop && f.GRPC == "UNIMPLEMENTED" {
		text += ": it has no such method"
	}
	return text
}

func routerHop(r *trace.LogEntry) Hop {
	if r.Side == trace.GatewaySide {
		return GateHop
	}
	return ClientHop
}
