package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// missingDefaultRoute is header-routing without its last rule. The canary's own group is well, so that whoever
// tests with the header sees nothing.
var missingDefaultRoute = harness.Scenario{
	Name:   "missing-default-route",
	Title:  "A rule for beta callers without a rule for all others gives everyone else 404 NR",
	Labels: []string{harness.Core},
	Story: "Callers with x-user-group: beta are to get v2. The VirtualService gets a rule for them, and the rule " +
		"for everybody else is forgotten. The beta callers get v2, and everyone else gets 404, although v1 is " +
		"healthy and the Service selects it. The route is taken back, and with a last rule without a match it " +
		"works.",
	Cause: "A VirtualService takes the place of what Istio routes for its host by itself. A request that matches " +
		"none of its rules has no route: the caller's proxy answers 404 with response flag NR (no route), and no " +
		"pod ever sees it. Nothing falls back to the Service behind the rules. To its caller a 404 is a failed " +
		"request, and the report counts it as one, although no server error is to be seen anywhere.",
	Source: "BuildSidecarVirtualHostWrapper in pilot/pkg/networking/core/route/route.go takes hosts with a " +
		"VirtualService from the list of plain services",
	See: []string{
		"kubectl logs deploy/load-client -c istio-proxy: 404 NR route_not_found, and no pod's address.",
		"istioctl proxy-config routes deploy/load-client --name 80: one rule for my-service, with a match.",
		"kubectl get virtualservice my-service -o yaml: no rule without a match at the end.",
	},
	Fix: "End every VirtualService with a rule that has no match. Test a header rule with callers that have the " +
		"header and with callers that don't.",
	Back:  "Apply a VirtualService that sends everything to v1: one kubectl apply.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "everyone", Rate: 300},
			{Name: "beta", Rate: 300, Header: map[string]string{"x-user-group": "beta"}},
		},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "beta to v2, and nobody else",
		Do:     harness.Apply("2-canary.yaml"),
		Breaks: true,
		Prove: proofs{
			harness.Endpoints{Subset: "v1", Want: 1}, harness.ReadyPods{Version: "v1", Want: 1}, harness.Analysis{},
		},
		Expect: claims{
			expect.Flag(404, "NR", 100).Of("everyone"), expect.Share("v2", 100).Of("beta"),
			expect.NeverFails().Of("beta"), expect.Untouched("v1"),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		// As many fail as in a second, and as many are v2's.
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.FailAtMost(300), expect.ReachAtMost("v2", 300),
			expect.NeverFails().Of("beta"), expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors(),
		},
	}, {
		Name:  "a last rule for all others",
		Do:    harness.Apply("3-default.yaml"),
		Fixes: true,
		Expect: claims{
			expect.Share("v2", 100).Of("beta"), expect.Share("v1", 100).Of("everyone"),
			expect.ReachAtMost("v2", 0).Of("everyone"), expect.NeverFails(),
		},
	}},
}
