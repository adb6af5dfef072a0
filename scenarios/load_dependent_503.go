package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// loadDependent503 is the war story. v2 works on 24 requests at once, each takes 100 ms, and it refuses what is
// more. At 400 requests a second there are, by Little's law, 2 of them in v2 at 5 %, 10 at 25 %, 20 at 50 % and
// 40 at 100 %. So that v2 passes every unit test, passes at 5 and at 25 %, begins to refuse when chance puts
// more than 24 together at 50 %, and refuses nearly half at 100 %.
//
// The load is sent evenly, so that the numbers in v2 scatter less than those of a Poisson process would.
var loadDependent503 = harness.Scenario{
	Name: "load-dependent-503",
	Title: "v2 breaks under load: a big-bang switch makes some 40 % of all requests fail, 5 % shows nothing, and " +
		"50 % shows it while it is still cheap",
	Labels: []string{harness.Core},
	Story: "v2 passed every test. Everything is switched to it at once, and some 40 % of the requests get 503. " +
		"The switch is taken back. Then the same v2 gets 5 %, 25 % and 50 %: at 5 and 25 % no request fails, at " +
		"50 % a few in a hundred do, and it is rolled back. With four pods, and in steps, v2 takes everything.",
	Cause: "Each pod of v2 handles 24 requests at once and answers 503 to any more; v1 has no such limit. Each " +
		"takes 100 ms. Requests in progress are requests per second times seconds per request (Little's law): of " +
		"400 a second that is 2 at a share of 5 %, 10 at 25 %, 20 at 50 % and 40 at 100 %. At 50 % it is 20 on " +
		"average, and by chance sometimes more than 24. A canary at 5 % gets only 5 % of the load: that keeps " +
		"the damage of a fault small, and also hides a fault that appears only under load. Istio does not check " +
		"how much a version can handle before it sends a share there. The 503 is the app's own (no flag), which " +
		"Istio's default retry policy does not retry since version 1.24.",
	Source: "default retry policy in pilot/pkg/networking/core/route/retry/retry.go; J. D. C. Little, \"A Proof " +
		"for the Queuing Formula L = λW\", 1961",
	See: []string{
		"kubectl logs deploy/my-service-v2 -c istio-proxy: 503 with via_upstream and no flag: the app said it, " +
			"not Envoy.",
		"The share of 503 among v2's answers, in the report: none at 5 and 25 %, some at 50 %, two in five at 100 %.",
		"kubectl scale deployment my-service-v2 --replicas=4: if that ends it, it was the load. (The scenario " +
			"does so itself, later.)",
	},
	Fix: "Add pods to the canary as you raise its weight, and load-test a version at the rate that one pod will " +
		"get. Raise the weight in steps, stay at each of them long enough to see its share of errors, and be " +
		"able to roll back with a single kubectl apply.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. v1 must still have enough pods " +
		"for all of the traffic.",
	Files: files,
	Load:  everyone(400),
	// How many requests are in v2 at once is what it is about.
	LowestRate: 400,
	Canary:     "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "big bang",
		Do:     harness.Apply("2-big-bang.yaml"),
		Breaks: true,
		Prove:  proofs{harness.ReadyPods{Version: "v2", Want: 1}, harness.Analysis{}},
		// 24 at once of 100 ms each are 240 of the 400 requests a second: 40 % are refused, and a little more as an
		// answer takes longer than that.
		Expect: claims{
			expect.Flag(503, "-", 35).AtLeast().Foreseen(41), expect.Flag(503, "-", 50).AtMost().Foreseen(42),
			expect.OnlyErrors(503, "-"),
		},
	}, {
		Name:     "switched back",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 5 %",
		Do:     harness.Apply("3-canary-5.yaml"),
		Expect: claims{expect.Share("v2", 5), expect.NoErrors()},
	}, {
		Name:   "canary at 25 %",
		Do:     harness.Apply("4-canary-25.yaml"),
		Expect: claims{expect.Share("v2", 25), expect.NoErrors()},
	}, {
		Name: "canary at 50 %",
		Do:   harness.Apply("5-canary-50.yaml"),
		Expect: claims{
			expect.Flag(503, "-", 0.5).AtLeast(), expect.Flag(503, "-", 20).AtMost(), expect.OnlyErrors(503, "-"),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		// By steady load three would do: 13 requests in each. But the first requests of a switch wait for new
		// connections, and are in v2 for longer.
		Name:   "four pods of v2",
		Do:     harness.ScaleTo{Deployment: "my-service-v2", Replicas: 4},
		Fixes:  true,
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 4}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 50 % again",
		Do:     harness.Apply("5-canary-50.yaml"),
		Expect: claims{expect.Share("v2", 50), expect.NoErrors()},
	}, {
		Name:   "all on v2",
		Do:     harness.Apply("2-big-bang.yaml"),
		Expect: claims{expect.Share("v2", 100), expect.NoErrors()},
	}},
}
