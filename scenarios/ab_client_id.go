package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// abClientID splits callers by a header that is there, is not there, or looks like something. The broken twin
// has the same three rules in another order.
var abClientID = harness.Scenario{
	Name: "ab-client-id",
	Title: "Callers with an X-Client-ID are split in an A/B test, those of the beta programme get v2, and the " +
		"order of the rules decides",
	Story: "Callers without x-client-id belong to v1, callers with one are split in halves, and ids that begin " +
		"with beta- belong to v2. The rules are applied with the wider one first: half of the beta callers gets " +
		"v1, and no error tells. With the narrower rule first everyone gets what was meant.",
	Cause: "HTTP rules are tried from the top, and the first that matches decides. An id such as beta-17 matches " +
		"the rule for any id too. Nothing fails, so that only the split of each group shows it. A regular " +
		"expression has to match the whole value.",
	Source: "BuildHTTPRoutesForVirtualService in pilot/pkg/networking/core/route/route.go keeps the order; Envoy " +
		"takes the first match (envoyproxy.io, HTTP route matching)",
	See: []string{
		"kubectl get virtualservice my-service -o yaml: read the rules from the top, as Envoy does.",
		"istioctl proxy-config routes deploy/load-client --name 80 -o json: the rules in the order in which they " +
			"are tried.",
		"curl -H 'x-client-id: beta-17' my-service/ several times: the header x-app-version says who answered.",
	},
	Fix:   "Put the narrower rule above the wider one, and the rule without a match last. Test each group by itself.",
	Back:  "Taking the rules out again is one write, and concerns each group alike.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "without-id", Rate: 200},
			{Name: "with-id", Rate: 500, Header: map[string]string{"X-Client-ID": "4711"}},
			{Name: "beta-id", Rate: 500, Header: map[string]string{"X-Client-ID": "beta-17"}},
		},
	},
	Canary:       "v2",
	CanaryCohort: "beta-id",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "wider rule first",
		Do:     harness.Apply("2-shadowed.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 50).Of("beta-id"), expect.Share("v1", 100).Of("without-id"),
			expect.Share("v2", 50).Of("with-id"), expect.ReachAtMost("v2", 0).Of("without-id"), expect.NeverFails(),
		},
	}, {
		Name:  "narrower rule first",
		Do:    harness.Apply("3-ordered.yaml"),
		Fixes: true,
		Expect: claims{
			expect.Share("v1", 100).Of("without-id"), expect.Share("v2", 50).Of("with-id"),
			expect.Share("v2", 100).Of("beta-id"), expect.ReachAtMost("v2", 0).Of("without-id"), expect.NeverFails(),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 500).Of("beta-id"), // as in a second
			expect.ReachAtMost("v2", 0).Of("without-id"), expect.Share("v1", 100), expect.Untouched("v2"),
			expect.NeverFails(),
		},
	}},
}
