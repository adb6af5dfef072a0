package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

// subsetGate is what the rollout is judged by, once a second: not more than 5 % server errors of the requests for v2, and not more than 250 ms at p99.
var subsetGate = harness.Gate{Checks: []harness.Check{harness.FailedShare("v2", 5), harness.LatencyP99("v2", 250)}}

// metricGatedRollout is a rollout that nobody watches but a gate, as rollout controllers have it. The Prometheus is a real one and scrapes the callers'
// sidecars; the lab's own records say how far behind the truth it is.
var metricGatedRollout = harness.Scenario{
	Name:  "metric-gated-rollout",
	Title: "A gate that asks Prometheus promotes a good canary step by step, and takes a bad one back by itself",
	Story: "v2 gets 10 %. Every second a gate asks Prometheus for the share of errors and the p99 of subset v2; after five good answers in a row v2 gets 50 %. There v2 begins to fail one request " +
		"in five: at the first bad answer of Prometheus the gate takes it back. The report takes the time apart, from the first bad answer to a caller until the last. v2 is healed and goes all the way to 100 %, by the same gate.",
	Cause: "A gate sees what was scraped, when it was scraped, in the window that it asks about. To the time that the proxies take to route come up to a second until the next scrape, up to a second until the next question, and the requests that " +
		"the window needs to be bad as a whole. Envoy counts requests by cluster, and a subset is a cluster: upstream_rq by class of status has 503 UH too, and has no 503 NC, which no cluster counts. Istio's own istio_requests_total has no " +
		"subset: its destination_version is what the answering pod says of itself, so that requests which reached no pod (UH, NC) are nobody's.",
	Source: "istio.io/istio, pkg/bootstrap (which statistics a proxy keeps, proxyStatsMatcher); Envoy, cluster statistics; istio/proxy, istio_stats (labels from the peer's metadata)",
	See: []string{
		"kubectl port-forward deploy/canarylab-prometheus 9090: ask for envoy_cluster_upstream_rq{response_code_class=\"5xx\"}.",
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET 'stats?filter=outbound.80.v2.*upstream_rq_5xx': the counter itself.",
	},
	Fix:   "Ask for the callers' view of the subset, treat no data as no-go, and keep scrape, question and window as short as the traffic allows: they are most of the time until a bad canary is gone.",
	Back:  "By the gate, through the route, in one write.",
	Files: files,
	Load: loadgen.Plan{
		URL:     "http://my-service/",
		Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 500}},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 10 %",
		Do:     harness.Apply("2-canary-10.yaml"),
		Until:  subsetGate,
		Expect: []expect.Expectation{expect.LetOn()},
	}, {
		Name:   "canary at 50 %",
		Do:     harness.Apply("3-canary-50.yaml"),
		Until:  subsetGate,
		Expect: []expect.Expectation{expect.LetOn()},
	}, {
		Name:   "v2 fails",
		Do:     harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 0.2, ErrorCode: 500}},
		Breaks: true,
		Until:  subsetGate,
		Expect: []expect.Expectation{expect.TakenBackWithin(15 * time.Second)},
	}, {
		Name:   "rollback",
		Do:     harness.Rollback{By: harness.Revert("1-baseline.yaml")},
		Expect: []expect.Expectation{expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "v2 healed",
		Do:     harness.Inject{Version: "v2"},
		Fixes:  true,
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 10 % again",
		Do:     harness.Apply("2-canary-10.yaml"),
		Until:  subsetGate,
		Expect: []expect.Expectation{expect.LetOn()},
	}, {
		Name:   "canary at 50 % again",
		Do:     harness.Apply("3-canary-50.yaml"),
		Until:  subsetGate,
		Expect: []expect.Expectation{expect.LetOn()},
	}, {
		Name:   "promoted",
		Do:     harness.Apply("4-promoted.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 100), expect.NoErrors()},
	}},
}
