package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// headerRouting offers the canary to one group of callers, told by a header. Three groups send side by side:
// one without the header, one with it, its name in a case of its own, and one whose value is in the wrong case.
// Only the second may ever see v2, to the request.
//
// A caller can write any header: at the edge of a real mesh, something has to set or strip it.
var headerRouting = harness.Scenario{
	Name:   "header-routing",
	Title:  "Callers with the header x-user-group: beta get v2, everyone else v1, without one leak",
	Labels: []string{harness.Core},
	Story: "Three groups of callers send at the same time: one without the header, one with x-USER-group: beta, " +
		"one with X-User-Group: BETA. The rule matches the header's name in any case and its value exactly, so " +
		"that the second group, and no request of the others, is answered by v2. Taking the rule out again is " +
		"the rollback.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "everyone", Rate: 200},
			{Name: "beta", Rate: 200, Header: map[string]string{"x-USER-group": "beta"}},
			{Name: "upper-beta", Rate: 200, Header: map[string]string{"X-User-Group": "BETA"}},
		},
	},
	Canary:       "v2",
	CanaryCohort: "beta",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:  "beta to v2",
		Do:    harness.Apply("2-beta.yaml"),
		Point: true,
		Expect: claims{
			expect.Share("v2", 100).Of("beta"),
			expect.Share("v1", 100).Of("everyone"), expect.ReachAtMost("v2", 0).Of("everyone"),
			expect.Share("v1", 100).Of("upper-beta"), expect.ReachAtMost("v2", 0).Of("upper-beta"),
			expect.NeverFails(),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 200).Of("beta"), // as in a second
			expect.ReachAtMost("v2", 0).Of("everyone"), expect.ReachAtMost("v2", 0).Of("upper-beta"),
			expect.Share("v1", 100).Of("beta"), expect.Share("v1", 100), expect.Untouched("v2"), expect.NeverFails(),
		},
	}},
}
