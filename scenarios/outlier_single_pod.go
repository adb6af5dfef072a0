package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

// outlierSinglePod shows the two ways in which a circuit breaker on a canary of one pod goes wrong, and what it takes to work.
var outlierSinglePod = harness.Scenario{
	Name:  "outlier-single-pod",
	Title: "A breaker on a canary of one pod never opens, or opens into a black hole; with a second pod it works",
	Story: "v2 has 10 %, one pod, and outlier detection as in the tutorial. It fails every request, and the breaker does nothing. With maxEjectionPercent: 100 the breaker takes " +
		"the pod out: now Envoy fails every request of v2's share itself, for a minute, also after v2 is healed. The route is taken back. With two pods of which one fails, the breaker takes " +
		"that one out, and nobody notices.",
	Cause: "Outlier detection takes hosts out of one cluster: it never sends anything to another subset. By default it takes out 10 % of the hosts at most, and 10 % of one host is none. With " +
		"100 % the only host goes, and a cluster whose hosts are all ejected has no healthy host: 503 with response flag UH, as Istio turns Envoy's panic mode off " +
		"(minHealthPercent is 0). It comes back after baseEjectionTime, not when it is well.",
	Source: "applyOutlierDetection in pilot/pkg/networking/core/cluster_traffic_policy.go; Envoy, outlier detection (max_ejection_percent) and panic threshold",
	See: []string{
		"istioctl proxy-config endpoints deploy/load-client | grep v2: OUTLIER CHECK says FAILED for a host that is taken out.",
		"The caller's access log: 503 via_upstream while the breaker does nothing, 503 UH no_healthy_upstream once it has opened.",
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET stats | grep ejections_overflow: the breaker wanted to, and was not allowed.",
	},
	Fix: "Give a canary that a breaker is to watch over at least two pods, and a maxEjectionPercent that lets one of them go. To take traffic from a version that is bad as a whole, " +
		"change the route: a breaker does not.",
	Back:  "By the route, in one write.",
	Files: files,
	Load: loadgen.Plan{
		URL:     "http://my-service/",
		Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 500}},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:   "v2 fails",
		Do:     harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 1}},
		Breaks: true,
		Prove:  []harness.Proof{harness.Ejected{Subset: "v2", Want: 0}, harness.Diagnosis{}},
		Expect: []expect.Expectation{expect.Flag(503, "-", 10), expect.OnlyErrors(503, "-"), expect.Share("v1", 90)},
	}, {
		Name:   "breaker that may take all",
		Do:     harness.Apply("2-eject-all.yaml"),
		Await:  []harness.Proof{harness.Ejected{Subset: "v2", Want: 1}},
		Expect: []expect.Expectation{expect.Flag(503, "UH", 10), expect.OnlyErrors(503, "UH"), expect.Share("v1", 90)},
	}, {
		Name:   "v2 healed",
		Do:     harness.Inject{Version: "v2"},
		Prove:  []harness.Proof{harness.ReadyPods{Version: "v2", Want: 1}, harness.Ejected{Subset: "v2", Want: 1}},
		Expect: []expect.Expectation{expect.Flag(503, "UH", 10), expect.OnlyErrors(503, "UH"), expect.Untouched("v2")},
	}, {
		Name:   "rollback",
		Do:     harness.Rollback{By: harness.Apply("3-stable.yaml")},
		Expect: []expect.Expectation{expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "two pods of v2",
		Do:     harness.ScaleTo{Deployment: "my-service-v2", Replicas: 2},
		Fixes:  true,
		Prove:  []harness.Proof{harness.Endpoints{Subset: "v2", Want: 2}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "breaker that may take half",
		Do:     harness.Apply("4-eject-half.yaml"),
		Await:  []harness.Proof{harness.Ejected{Subset: "v2", Want: 0}},
		Expect: []expect.Expectation{expect.NoErrors()},
	}, {
		Name:   "canary at 10 % again",
		Do:     harness.Apply("5-canary-again.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:   "one of two fails",
		Do:     harness.Inject{Version: "v2", Pods: 1, Faults: sampleapp.Faults{ErrorRate: 1}},
		Await:  []harness.Proof{harness.Ejected{Subset: "v2", Want: 1}},
		Expect: []expect.Expectation{expect.Share("v2", 10), expect.NoErrors()},
	}},
}
