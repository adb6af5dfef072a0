package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// loadDependent503 is the war story. v2 works on 24 requests at once, each takes 100 ms, and it refuses what is more. At 400 requests a second there
// are, by Little's law, 2 of them in v2 at 5 %, 10 at 25 %, 20 at 50 % and 40 at 100 %. So that v2 passes every unit test, passes at 5 and at 25 %, begins
// to refuse when chance puts more than 24 together at 50 %, and refuses nearly half at 100 %.
//
// The load is sent evenly, so that the numbers in v2 scatter less than those of a Poisson process would.
var loadDependent503 = harness.Scenario{
	Name:   "load-dependent-503",
	Title:  "v2 breaks under load: a big-bang switch costs everybody, 5 % shows nothing, and 50 % shows it while it is still cheap",
	Labels: []string{harness.Core},
	Story: "Everything is switched to v2 at once, which was fine in every test: nearly half of the requests get 503. The switch is taken back. Then the same v2 gets 5 %, 25 % and " +
		"50 %: at 5 and 25 % it is perfect, at 50 % a few requests in a hundred fail, and it is rolled back. With three pods it takes all requests.",
	Cause: "v2 has room for 24 requests at a time. How many it has at a time is the rate that it gets times the time that it takes (Little's law), so that its share decides whether " +
		"it breaks. A 5 % canary with a pod of its own sees 5 % of the load: it limits what a fault costs, and it hides a fault that comes with load. Nothing in Istio looks at the room " +
		"that a version has. The 503 is the app's own (flag -), and is not retried since Istio 1.24.",
	Source: "default retry policy in pilot/pkg/networking/core/route/retry/retry.go; J. D. C. Little, \"A Proof for the Queuing Formula L = λW\", 1961",
	See: []string{
		"kubectl logs deploy/my-service-v2 -c istio-proxy: 503 with via_upstream and no flag: the app said it, not Envoy.",
		"The share of 503 among v2's answers at 5, 25 and 50 %: it grows with the share that v2 gets.",
		"kubectl scale deployment my-service-v2 --replicas=3: if that ends it, it was the load.",
	},
	Fix: "Give the canary room in step with its weight, and load-test a version at the rate that one pod will get. Raise the weight in steps, stay at each of them long enough to see " +
		"its share of errors, and keep the way back one write away.",
	Back:  "By the route, in one write; v1 must still have room for everything.",
	Files: files,
	Load: loadgen.Plan{
		URL:     "http://my-service/",
		Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 400}},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  []harness.Proof{harness.Diagnosis{}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "big bang",
		Do:     harness.Apply("2-big-bang.yaml"),
		Breaks: true,
		Prove:  []harness.Proof{harness.ReadyPods{Version: "v2", Want: 1}, harness.Diagnosis{}},
		Expect: []expect.Expectation{expect.Flag(503, "-", 20).AtLeast(), expect.OnlyErrors(503, "-")},
	}, {
		Name:   "switched back",
		Do:     harness.Rollback{By: harness.Revert("1-baseline.yaml")},
		Expect: []expect.Expectation{expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 5 %",
		Do:     harness.Apply("3-canary-5.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 5), expect.NoErrors()},
	}, {
		Name:   "canary at 25 %",
		Do:     harness.Apply("4-canary-25.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 25), expect.NoErrors()},
	}, {
		Name:   "canary at 50 %",
		Do:     harness.Apply("5-canary-50.yaml"),
		Expect: []expect.Expectation{expect.Flag(503, "-", 0.5).AtLeast(), expect.Flag(503, "-", 20).AtMost(), expect.OnlyErrors(503, "-")},
	}, {
		Name:   "rollback",
		Do:     harness.Rollback{By: harness.Revert("1-baseline.yaml")},
		Expect: []expect.Expectation{expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "three pods of v2",
		Do:     harness.ScaleTo{Deployment: "my-service-v2", Replicas: 3},
		Fixes:  true,
		Prove:  []harness.Proof{harness.Endpoints{Subset: "v2", Want: 3}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "all on v2",
		Do:     harness.Apply("2-big-bang.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 100), expect.NoErrors()},
	}},
}
