package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// circuitBreakerOverflow puts a breaker on the canary that is too tight for its share. It looks like a bug of
// v2, which never sees the requests.
var circuitBreakerOverflow = harness.Scenario{
	Name: "circuit-breaker-overflow",
	Title: "A connection pool on the canary that is too small for its share answers 503 UO while v2 is well and " +
		"v1 is not concerned",
	Labels: []string{harness.Core},
	Story: "v2 takes 50 ms for an answer and has 100 requests a second, so that five are in it at a time on " +
		"average, and at times more. A DestinationRule protects it by a pool of one connection, with " +
		"one request under way and one in waiting. More than half of its share gets 503 UO at once. v1 goes on " +
		"as before. With a pool that fits, the same canary has no errors.",
	Cause: "connectionPool of a subset becomes limits of the subset's Envoy cluster, which Envoy calls circuit " +
		"breakers, in each caller's proxy for itself. What comes when they are reached is answered by that " +
		"proxy: 503 with response flag UO, overflow, and the header x-envoy-overloaded. It is not retried, and " +
		"v2 never hears of it. Without a connectionPool Istio sets them to 4,294,967,295, which is no limit. " +
		"(http2MaxRequests limits requests under way of HTTP/1.1 too.)",
	Source: "applyConnectionPool in pilot/pkg/networking/core/cluster_traffic_policy.go; Envoy, circuit breaking",
	See: []string{
		"kubectl logs deploy/load-client -c istio-proxy: 503 UO upstream_reset_before_response_started{overflow}.",
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET clusters | grep " +
			"'v2.*rq_error': what v2 itself failed, which is nothing.",
		"kubectl get destinationrule my-service -o yaml: the connectionPool of subset v2.",
	},
	Fix: "Size the pool by what the subset gets: rate times latency is what is under way on average, and several " +
		"times that at the peaks. Raise it with each step of the weight. It counts per caller's proxy: ten " +
		"callers have ten pools.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. Or apply a DestinationRule " +
		"with room.",
	OnlyIstio: "The Gateway API has no connection pools.",
	Files:     files,
	Load:      everyone(500),
	// How many requests are in v2 at once is what it is about.
	LowestRate: 500,
	Canary:     "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 20 %",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 20), expect.NoErrors()},
	}, {
		Name:   "breaker of one",
		Do:     harness.Apply("3-breaker.yaml"),
		Breaks: true,
		Prove: proofs{
			harness.Endpoints{Subset: "v2", Want: 1}, harness.ReadyPods{Version: "v2", Want: 1}, harness.Analysis{},
		},
		// 5 under way on average and room for two: a queue M/D/1/2 loses 1-1/(5+exp(-5)) = 80 % of the canary's
		// 20 %. Where the caller's connections are spread over two of Envoy's threads it loses more:
		// one thread's request waits for its own connection, the other's is refused.
		Expect: claims{
			expect.Flag(503, "UO", 12).AtLeast().Foreseen(16), expect.OnlyErrors(503, "UO"), expect.Share("v1", 80),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "breaker that fits",
		Do:     harness.Apply("4-roomy.yaml"),
		Fixes:  true,
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 20 % again",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 20), expect.Share("v1", 80), expect.NoErrors()},
	}},
}
