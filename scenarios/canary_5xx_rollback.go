package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/sampleapp"
)

// canary5xxRollback is the case that a canary is made for. A sequential test watches every answer of v2 and
// decides as soon as the data allow, and the rollback follows at once: detection and rollback are both timed.
var canary5xxRollback = harness.Scenario{
	Name:   "canary-5xx-rollback",
	Title:  "A canary at 5 % begins to fail 30 % of its requests, is found out by a sequential test, and is taken back",
	Labels: []string{harness.Core},
	Story: "v2 has 5 % of the requests and is well. Then it answers 30 % of them with 500. A sequential test " +
		"watches its answers one by one; as soon as it is sure, the route is taken back. The report says how " +
		"long the detection and the rollback took, and how many requests they cost. Once healed, v2 gets its 5 % " +
		"again.",
	Cause: "The fault is the app's. Istio passes its 500 on: it is not retried, so that 1.5 % of all requests " +
		"fail. How soon that is found depends on the rate of the canary's answers and on how sure one wants to " +
		"be, not on a fixed time. The test puts a capital on it that v2 is bad, and acts when that has grown a " +
		"thousandfold, which a good v2 makes happen once in a thousand runs: each failed answer multiplies it by " +
		"10 (10 % / 1 %), each good one by 0.91 (90 % / 99 %), and the longer v2 was well, the less of it is at stake.",
	Source: "default retry policy in pilot/pkg/networking/core/route/retry/retry.go; J. Ville, \"Étude " +
		"critique de la notion de collectif\", 1939",
	See: []string{
		"kubectl logs deploy/load-client -c istio-proxy: 500 with via_upstream and no flag, upstream in the subset v2.",
		"kubectl logs deploy/my-service-v2 -c istio-proxy: the same, with the app as upstream.",
	},
	Fix: "Take the canary back, then mend it. Watch the canary's answers by version at the callers, and let a " +
		"rule that knows its error rates decide: a fixed wait is too long or too short.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. Requests under way end where " +
		"they are.",
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
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 5), expect.NeverFails()},
	}, {
		Name:   "v2 fails",
		Do:     harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 0.3, ErrorCode: 500}},
		Breaks: true,
		Until:  harness.SequentialTest{Good: 1, Bad: 10},
		Expect: claims{expect.AbortedWithin(5 * time.Second)},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 25), // as in a second
			expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors(),
		},
	}, {
		Name:   "v2 healed",
		Do:     harness.Inject{Version: "v2"},
		Fixes:  true,
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 5 % again",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 5), expect.NeverFails()},
	}},
}
