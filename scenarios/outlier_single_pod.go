package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/sampleapp"
)

// outlierSinglePod shows the two ways in which a circuit breaker on a canary of one pod goes wrong, and what it
// takes to work.
var outlierSinglePod = harness.Scenario{
	Name: "outlier-single-pod",
	Title: "Outlier detection does not help a canary of one pod: it never acts, or it removes the only pod, even " +
		"when that is well again; with a second pod it works",
	Story: "v2 has 10 %, one pod, and outlier detection, Istio's circuit breaker by pod: after some errors in a " +
		"row callers stop sending to that pod for a while; the pod is ejected. v2 fails every request, and " +
		"nothing is ejected. With maxEjectionPercent: 100 the pod is ejected: now the callers' proxies answer " +
		"every request of v2's share with 503 themselves, for a minute (baseEjectionTime), even when v2 is " +
		"healthy again. The route is taken back. With two pods and maxEjectionPercent: 50 one pod fails: after a " +
		"few errors it is ejected, and from then on v2's other pod answers.",
	Cause: "Outlier detection removes pods (Envoy says hosts) from one subset's list, each caller's proxy by " +
		"itself. It never moves their traffic to another subset. By default it ejects 10 % of the hosts at most, " +
		"and 10 % of one host is rounded down to none. With 100 % the only host is ejected and none is left: 503 " +
		"with flag UH, no healthy upstream. Envoy has a panic mode that would still use ejected hosts when too " +
		"few are healthy, but by default Istio turns it off (minHealthPercent is 0). The host comes back when " +
		"its ejection time is over, not when it is healthy again. If it still fails then, it is ejected again, " +
		"for longer.",
	Source: "applyOutlierDetection in pilot/pkg/networking/core/cluster_traffic_policy.go; Envoy, outlier " +
		"detection (max_ejection_percent) and panic threshold",
	See: []string{
		"istioctl proxy-config endpoints deploy/load-client | grep v2: OUTLIER CHECK says FAILED for a host that " +
			"is ejected.",
		"kubectl logs deploy/load-client -c istio-proxy: 503 - via_upstream while nothing is ejected, 503 UH " +
			"no_healthy_upstream once the only pod is.",
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET stats | grep " +
			"ejections_overflow: how often maxEjectionPercent did not allow it. (By default Istio leaves this " +
			"figure out; load-client keeps it.)",
	},
	Fix: "A canary with outlier detection needs at least two pods, and a maxEjectionPercent that allows one of " +
		"them to be ejected. If the whole version is bad, change the route: outlier detection can't move its " +
		"traffic to v1.",
	Back:      "Apply a VirtualService that sends everything to v1: one kubectl apply.",
	OnlyIstio: "The Gateway API has no outlier detection.",
	Files:     files,
	Load:      everyone(500),
	Canary:    "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:   "v2 fails",
		Do:     harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 1}},
		Breaks: true,
		Prove:  proofs{harness.Ejected{Subset: "v2", Want: 0}, harness.Analysis{}},
		Expect: claims{expect.Flag(503, "-", 10), expect.OnlyErrors(503, "-"), expect.Share("v1", 90)},
	}, {
		Name:   "breaker that may take all",
		Do:     harness.Apply("2-eject-all.yaml"),
		Await:  proofs{harness.Ejected{Subset: "v2", Want: 1}},
		Expect: claims{expect.Flag(503, "UH", 10), expect.OnlyErrors(503, "UH"), expect.Share("v1", 90)},
	}, {
		Name:   "v2 healed",
		Do:     harness.Inject{Version: "v2"},
		Prove:  proofs{harness.ReadyPods{Version: "v2", Want: 1}, harness.Ejected{Subset: "v2", Want: 1}},
		Expect: claims{expect.Flag(503, "UH", 10), expect.OnlyErrors(503, "UH"), expect.Untouched("v2")},
	}, {
		Name:     "rollback",
		Do:       harness.Apply("3-stable.yaml"),
		Rollback: true,
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "two pods of v2",
		Do:     harness.ScaleTo{Deployment: "my-service-v2", Replicas: 2},
		Fixes:  true,
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 2}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "breaker that may take half",
		Do:     harness.Apply("4-eject-half.yaml"),
		Await:  proofs{harness.Ejected{Subset: "v2", Want: 0}},
		Expect: claims{expect.NoErrors()},
	}, {
		Name:   "canary at 10 % again",
		Do:     harness.Apply("5-canary-again.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:   "one of two fails",
		Do:     harness.Inject{Version: "v2", Pods: 1, Faults: sampleapp.Faults{ErrorRate: 1}},
		Await:  proofs{harness.Ejected{Subset: "v2", Want: 1}},
		Expect: claims{expect.Share("v2", 10), expect.NoErrors()},
	}},
}
