package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/sampleapp"
)

// subsetGate is what the rollout is judged by, once a second: not more than 5 % server errors of the requests
// for v2, and not more than 250 ms at p99.
var subsetGate = harness.Gate{Checks: []harness.Check{harness.FailedShare("v2", 5), harness.LatencyP99("v2", 250)}}

// metricGatedRollout is a rollout that nobody watches but a gate, as rollout controllers have it. The
// Prometheus is a real one and scrapes the callers' sidecars; the lab's own records say how far behind the
// truth it is.
var metricGatedRollout = harness.Scenario{
	Name:  "metric-gated-rollout",
	Title: "A gate that asks Prometheus promotes a good canary step by step, and takes a bad one back by itself",
	Story: "A gate is a rule that decides about a rollout. Every second it asks Prometheus for v2's share of " +
		"failed requests and its p99 latency. v2 gets 10 %; after five good results in a row it gets 50 %. There " +
		"v2 starts to fail one request in five, and at the first bad result the gate rolls it back. The report " +
		"shows where the time went between the first and the last failed response that a caller got. v2 is " +
		"healed and goes all the way to 100 %, by the same gate.",
	Cause: "A gate knows only what Prometheus has scraped so far, over the time window of its query (5 s here). " +
		"Four delays add up: up to 1 s until the next scrape; up to 1 s until the gate's next question; the time " +
		"until the window holds enough failures to pass the limit (v2 fails 20 %, the limit is 5 %: a quarter of " +
		"the window); and the time until the proxies have the new route. Envoy counts requests per Envoy " +
		"cluster, and every subset is one. Its upstream_rq with response_code_class=5xx includes 503 UH (the " +
		"subset has no pods). It does not include 503 NC: there the subset's cluster does not exist, so no " +
		"cluster counts the request. Istio's own istio_requests_total has no subset label: its " +
		"destination_version comes from the pod that answered, so that requests which reached no pod (UH, NC) " +
		"are missing from a query for v2.",
	Source: "istio.io/istio, pkg/bootstrap (which statistics a proxy keeps, proxyStatsMatcher); Envoy, cluster " +
		"statistics; istio/proxy, istio_stats (labels from the peer's metadata)",
	See: []string{
		"kubectl port-forward deploy/canarylab-prometheus 9090: ask for " +
			"envoy_cluster_upstream_rq{response_code_class=\"5xx\"}.",
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET " +
			"'stats?filter=outbound.80.v2.*upstream_rq_5xx': the same counter in the caller's proxy, under " +
			"Envoy's own name.",
	},
	Fix: "Query the callers' proxies, per subset. Don't promote when there is no data. Keep the scrape interval, " +
		"the query interval and the window as short as the traffic allows: they are most of the time that a bad " +
		"canary stays.",
	Back:  "The gate applies the old VirtualService itself.",
	Files: files,
	Load:  everyone(500),
	// A gate's first looks are at a window that has only begun to fill. At 10 % of less, one slow answer is more than a
	// hundredth of it.
	LowestRate: 250,
	Canary:     "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 10 %",
		Do:     harness.Apply("2-canary-10.yaml"),
		Until:  subsetGate,
		Expect: claims{expect.Promoted(), expect.Share("v2", 10), expect.NeverFails()},
	}, {
		Name:   "canary at 50 %",
		Do:     harness.Apply("3-canary-50.yaml"),
		Until:  subsetGate,
		Expect: claims{expect.Promoted(), expect.Share("v2", 50), expect.NeverFails()},
	}, {
		Name:   "v2 fails",
		Do:     harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 0.2, ErrorCode: 500}},
		Breaks: true,
		Until:  subsetGate,
		Expect: claims{expect.AbortedWithin(15 * time.Second)},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		// 250 requests a second are v2's, and it fails 50 of them: as many as in a second, of a rollback that takes
		// some 0.1 s.
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 250), expect.FailAtMost(50),
			expect.Share("v1", 100), expect.NoErrors(),
		},
	}, {
		Name:   "v2 healed",
		Do:     harness.Inject{Version: "v2"},
		Fixes:  true,
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 10 % again",
		Repeat: true,
		Do:     harness.Apply("2-canary-10.yaml"),
		Until:  subsetGate,
		Expect: claims{expect.Promoted(), expect.Share("v2", 10), expect.NeverFails()},
	}, {
		Name:   "canary at 50 % again",
		Repeat: true,
		Do:     harness.Apply("3-canary-50.yaml"),
		Until:  subsetGate,
		Expect: claims{expect.Promoted(), expect.Share("v2", 50), expect.NeverFails()},
	}, {
		Name:   "promoted",
		Do:     harness.Apply("4-promoted.yaml"),
		Expect: claims{expect.Share("v2", 100), expect.NeverFails()},
	}},
}
