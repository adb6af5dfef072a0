package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// canaryRateLimit is what the article wanted, done in the way that works, next to the way that is often taken for it.
var canaryRateLimit = harness.Scenario{
	Name:  "canary-rate-limit",
	Title: "Ten requests a second for the canary and no limit for v1: by a local rate limit, not by a DestinationRule",
	Story: "v2 gets 10 % of 500 requests a second and is to have 10 a second at most. A DestinationRule with a " +
		"connection pool of 10 is applied: v2 goes on with 50 a second; the pool stays, and plays no part in " +
		"what follows. A local rate limit in the sidecar of v2's pod is applied: v2 answers 10 a second, the " +
		"rest of its share gets 429, and v1 is not concerned. Without it, v2 has its share again.",
	Cause: "A DestinationRule has no rate: its connectionPool bounds how many requests are under way at once. v2 " +
		"answers in a millisecond, so that of 50 a second 0.05 are under way on average, far from 10. A rate " +
		"needs a token bucket, which Envoy's local rate limit filter is; Istio puts it into a proxy by an " +
		"EnvoyFilter. Each pod has a bucket of its own: three pods let 30 a second through. What it refuses is " +
		"429 with response flag RL in the log of v2's sidecar, and the same 429 without a flag in the caller's, " +
		"to which it is an answer like another. After the filter is deleted, each connection that is open may " +
		"still get one 429.",
	Source: "TrafficPolicy in the DestinationRule API (networking/v1alpha3/destination_rule.proto); Envoy, HTTP " +
		"local rate limit filter",
	See: []string{
		"kubectl logs deploy/my-service-v2 -c istio-proxy: 429 with RL local_rate_limited.",
		"istioctl proxy-config listeners deploy/my-service-v2 --port 15006 -o json | grep local_ratelimit: the " +
			"filter is there.",
		"kubectl logs deploy/my-service-v2 -c istio-proxy | grep -c local_rate_limited: how many were refused. " +
			"(Envoy counts them too, in http_local_rate_limit.rate_limited, but Istio leaves that out of its " +
			"statistics unless proxyStatsMatcher asks for it.)",
	},
	Fix: "Limit the rate in the sidecars of the canary's pods, by an EnvoyFilter like that of 4-rate-limit.yaml, " +
		"and give each the wanted total divided by the number of pods. Count 429 apart from errors when the " +
		"canary is judged: you set the limit, v2 is not bad. istioctl analyze warns of every EnvoyFilter " +
		"(IST0133), as it changes inner parts of Envoy that the next version may have otherwise: that is " +
		"expected here.",
	Back:      "Deleting the filter lifts the limit; taking the weight away takes the requests away.",
	OnlyIstio: "The Gateway API has no connection pools, and the first half of the story is about one.",
	Files:     files,
	Load:      everyone(500),
	// What is over the limit is what it is about.
	LowestRate: 500,
	Canary:     "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 10 %",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:   "connection pool of 10",
		Do:     harness.Apply("3-connection-pool.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:   "local rate limit",
		Do:     harness.Apply("4-rate-limit.yaml"),
		Point:  true,
		Fixes:  true,
		Prove:  proofs{harness.Analysis{Code: "IST0133", Files: "IST0133"}},
		Expect: claims{expect.Answers("v2", 10), expect.OnlyErrors(429, "-"), expect.Share("v1", 90)},
	}, {
		Name: "without it",
		Do:   harness.Delete("4-rate-limit.yaml"),
		// Connections that were open keep the filters that they began with for one more request.
		Expect: claims{expect.Share("v2", 10), expect.Status(429, 1).AtMost()},
	}},
}
