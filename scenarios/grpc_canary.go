package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

// Two gates for calls by gRPC: the one that rollout controllers have for HTTP, and one that asks for what a call says.
var (
	httpStatusGate = harness.Gate{Checks: []harness.Check{harness.FailedShare("v2", 5)}}
	grpcStatusGate = harness.Gate{Checks: []harness.Check{harness.GRPCFailedShare("v2", 5)}}
)

// grpcCanary is a canary that is called by gRPC. What a call says of itself stands in the trailer of its answer, and
// the answer is a 200 whatever that is.
var grpcCanary = harness.Scenario{
	Name:  "grpc-canary",
	Title: "A canary that fails 30 % of its gRPC calls is promoted by a gate that counts 5xx: each answer is a 200",
	Story: "my-service is called by gRPC. v2 gets the calls of beta, told by their metadata, and 10 % of all others: " +
		"routes and weights know no difference to HTTP. Then v2 fails 30 % of its calls, with grpc-status " +
		"UNAVAILABLE. A gate that asks for the share of 5xx finds five good results in a row, and promotes it. A " +
		"second gate asks for the calls' own status, and takes v2 back at its first look. v2 is healed, and passes " +
		"the second gate too.",
	Cause: "A gRPC call has two statuses. The HTTP status is 200 for every call that is answered; how the call " +
		"ended is the grpc-status, in the trailer behind the message. What counts by the first sees no error: " +
		"Envoy's upstream_rq_5xx, and response_code in istio_requests_total. Istio's metric has the second beside " +
		"it, as grpc_response_status, a number: 0 is OK, 14 UNAVAILABLE. Envoy counts it for each Envoy cluster, as " +
		"grpc.success and grpc.failure. Envoy's own errors look so too: what is 503 UH by HTTP is a 200 with " +
		"grpc-status 14 to a caller by gRPC. Istio's default retry has unavailable among its conditions, which " +
		"Envoy looks for in an answer's header: it repeats a call that is answered by a status alone, as many " +
		"servers do, and not one whose status comes in a trailer of its own, as here.",
	Source: "gRPC over HTTP/2 (Responses); Istio standard metrics; Envoy, gRPC statistics filter, which " +
		"pilot/pkg/xds/filters/filters.go configures; default retry policy in " +
		"pilot/pkg/networking/core/route/retry/retry.go; Envoy, router filter (x-envoy-retry-grpc-on)",
	See: []string{
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET " +
			"'stats?filter=outbound.80.v2.*;.(grpc|upstream_rq_5xx)': grpc.14 and grpc.failure rise, and there is no " +
			"upstream_rq_5xx.",
		"kubectl logs deploy/load-client -c istio-proxy: nothing. What an access log has of these calls is 200 " +
			"without a flag, via_upstream; %GRPC_STATUS% is not in Istio's default format.",
		"kubectl get service my-service -o yaml: the port is named grpc. By that Istio knows that it speaks HTTP/2.",
	},
	Fix: "Watch calls by their grpc-status at the callers: in PromQL grpc_response_status!=\"0\" of " +
		"istio_requests_total by destination_version. Leave out what is the caller's own mistake (3 " +
		"INVALID_ARGUMENT, 5 NOT_FOUND, ...) if it is. The default query of a rollout controller counts 5xx: replace " +
		"it for a service that is called by gRPC. Name the Service's port grpc, or give it appProtocol: grpc.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. Connections stay; the next call on " +
		"them takes the new route.",
	Files: files,
	Load: loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{
		{Name: "everyone", Rate: 400, GRPC: &loadgen.GRPC{}},
		{Name: "beta", Rate: 100, GRPC: &loadgen.GRPC{}, Header: map[string]string{"x-user-group": "beta"}},
	}},
	// As in metric-gated-rollout, a gate's first looks are at a window that has only begun to fill.
	LowestRate: 250,
	Canary:     "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:  "canary",
		Do:    harness.Apply("2-canary.yaml"),
		Until: httpStatusGate,
		Expect: claims{
			expect.Promoted(), expect.Share("v2", 10).Of("everyone"), expect.Share("v2", 100).Of("beta"),
			expect.NeverFails(),
		},
	}, {
		Name:   "v2 fails",
		Do:     harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 0.3, ErrorCode: 503}},
		Breaks: true,
		Until:  httpStatusGate,
		Expect: claims{
			expect.GRPCStatus("UNAVAILABLE", 20).AtLeast().Foreseen(30).DrawnSingly().Of("beta"),
			expect.Status(200, 100), expect.Promoted(),
		},
	}, {
		Name:   "asked for grpc-status",
		Until:  grpcStatusGate,
		Expect: claims{expect.AbortedWithin(5 * time.Second)},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		// 140 calls a second are v2's, and it fails 42 of them: as many as in a second.
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.FailAtMost(42), expect.Share("v1", 100), expect.NoErrors(),
		},
	}, {
		Name:   "v2 healed",
		Do:     harness.Inject{Version: "v2"},
		Fixes:  true,
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary again",
		Repeat: true,
		Do:     harness.Apply("2-canary.yaml"),
		Until:  grpcStatusGate,
		Expect: claims{
			expect.Promoted(), expect.Share("v2", 10).Of("everyone"), expect.Share("v2", 100).Of("beta"),
			expect.NeverFails(),
		},
	}},
}
