package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// canaryScaledToZero takes the canary's pods away while it has half of the requests. An autoscaler, an operator
// or a node that runs out of memory does that too.
var canaryScaledToZero = harness.Scenario{
	Name:   "canary-scaled-to-zero",
	Title:  "A canary that loses its pods keeps its weight: half of the requests fail, and v1 does not step in",
	Labels: []string{harness.Core},
	Story: "v2 has half of the requests and is scaled to 0, to stop it. v1 is healthy and has room. Half of the " +
		"requests fail until somebody changes the route. With its pods back, the same route works.",
	Cause: "Weights are not about health. Envoy draws the subset for each request first, and looks for a host in " +
		"it then: there is none, so it answers 503 with response flag UH, no_healthy_upstream. No other subset " +
		"is asked, and it is not retried.",
	Source: "weighted_clusters, made by applyHTTPRouteDestination in pilot/pkg/networking/core/route/route.go; " +
		"ready pods only, in pilot/pkg/xds/endpoints/endpoint_builder.go",
	See: []string{
		"kubectl get pods --show-labels: no pod with version=v2.",
		"istioctl proxy-config endpoints deploy/load-client | grep v2: nothing.",
		"kubectl get virtualservice my-service -o yaml: the weight is still 50.",
	},
	Fix: "Take the weight away before the pods. Where something else may take the pods away, protect them (a " +
		"PodDisruptionBudget, a minimum for the autoscaler), and watch the callers' 503 UH: the canary's own " +
		"metrics just stop.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. That is the cure; scaling to 0 " +
		"is no rollback.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 50 %",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 50), expect.NeverFails()},
	}, {
		Name:   "v2 scaled to 0",
		Do:     harness.ScaleTo{Deployment: "my-service-v2", Replicas: 0},
		Breaks: true,
		Await:  proofs{harness.Gone{Version: "v2"}},
		Prove: proofs{
			harness.Endpoints{Subset: "v2", Want: 0}, harness.ReadyPods{Version: "v1", Want: 1},
			harness.Analysis{Code: "IST0173"},
		},
		Expect: claims{expect.Flag(503, "UH", 50), expect.OnlyErrors(503, "UH"), expect.Share("v1", 50)},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.FailAtMost(250), // as in a second
			expect.Share("v1", 100), expect.NoErrors(),
		},
	}, {
		Name:   "v2 scaled to 1",
		Do:     harness.ScaleTo{Deployment: "my-service-v2", Replicas: 1},
		Fixes:  true,
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 1}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 50 % again",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 50), expect.NeverFails()},
	}},
}
