package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// weightedRollout is the canary that works, the run that every other one is compared with. Each step is one
// write of the VirtualService, and until v1 is decommissioned so is the rollback.
//
// v1 goes in the order route, subset, pods, each awaited: a route to a subset that is gone gives 503 NC, a
// subset without pods 503 UH.
var weightedRollout = harness.Scenario{
	Name: "weighted-rollout",
	Title: "A canary goes from 5 % to all requests by weight, is rolled back once on the way, and v1 is " +
		"decommissioned",
	Labels: []string{harness.Core},
	Story: "v2 gets 5, 25 and 50 % of the requests. At 50 % it is rolled back, and then gets its 50 % again: a " +
		"rollback uses nothing up. It is promoted to 100 %, and v1 is taken out of the route, out of the " +
		"subsets, and stopped, in this order. No request fails at any step.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 5 %",
		Do:     harness.Apply("2-canary-5.yaml"),
		Point:  true,
		Expect: claims{expect.Share("v2", 5), expect.Share("v1", 95), expect.NeverFails()},
	}, {
		Name:   "canary at 25 %",
		Do:     harness.Apply("3-canary-25.yaml"),
		Expect: claims{expect.Share("v2", 25), expect.Share("v1", 75), expect.NeverFails()},
	}, {
		Name:   "canary at 50 %",
		Do:     harness.Apply("4-canary-50.yaml"),
		Expect: claims{expect.Share("v2", 50), expect.Share("v1", 50), expect.NeverFails()},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 250), // as in a second
			expect.Share("v1", 100), expect.Untouched("v2"), expect.NeverFails(),
		},
	}, {
		Name:   "canary at 50 % again",
		Do:     harness.Apply("4-canary-50.yaml"),
		Expect: claims{expect.Share("v2", 50), expect.Share("v1", 50), expect.NeverFails()},
	}, {
		Name:   "promoted",
		Do:     harness.Apply("5-promoted.yaml"),
		Expect: claims{expect.Share("v2", 100), expect.Untouched("v1"), expect.NeverFails()},
	}, {
		Name:   "route without v1",
		Do:     harness.Apply("6-route-without-v1.yaml"),
		Expect: claims{expect.Share("v2", 100), expect.NeverFails()},
	}, {
		Name:   "subsets without v1",
		Do:     harness.Apply("7-subsets-without-v1.yaml"),
		Expect: claims{expect.Share("v2", 100), expect.NeverFails()},
	}, {
		Name:   "v1 stopped",
		Do:     harness.ScaleTo{Deployment: "my-service-v1", Replicas: 0},
		Prove:  proofs{harness.ReadyPods{Version: "v1", Want: 0}, harness.Analysis{}},
		Expect: claims{expect.Share("v2", 100), expect.NeverFails()},
	}},
}
