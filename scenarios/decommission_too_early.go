package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// decommissionTooEarly is the morning after: v2 has all requests, v1 is stopped, and one rule that nobody thought of still points to it. The
// overall error rate is as small as that group of callers.
var decommissionTooEarly = harness.Scenario{
	Name:  "decommission-too-early",
	Title: "v1 is stopped at 100 % v2 while one overlooked rule still routes to it, and with v1 the way back is gone",
	Story: "Everyone is on v2. A rule for callers with x-client-id: legacy still says v1. v1 is stopped: those callers get 503 UH. The subset is cleaned up: " +
		"they get 503 NC. Somebody rolls back to the old route, as it had always worked: now everybody gets 503. Taking the last mention of v1 out of the route mends it.",
	Cause: "A subset whose pods are gone keeps its Envoy cluster, without endpoints: 503 UH. A subset that is gone leaves routes that name it: 503 NC. Nothing falls " +
		"back to the other subset. And a rollback is only as good as what it goes back to.",
	Source: "endpoints of a subset: pilot/pkg/xds/endpoints/endpoint_builder.go; names of clusters in routes: pilot/pkg/networking/core/route/route.go",
	See: []string{
		"kubectl get virtualservice -A -o yaml | grep -n 'subset: v1': every route that still needs it, in every namespace.",
		"kubectl get pods -l version=v1: none.",
		"istioctl analyze: IST0101 once the subset is gone.",
	},
	Fix: "Before a version is stopped, take it out of every route (also header rules, mirrors, gateways and other namespaces), watch that its own counter stands still, " +
		"then out of the DestinationRule, then stop the pods. Keep v1 running at 0 % for as long as a rollback may be needed.",
	Back:  "None by the route: there is nothing to go back to. It takes as long as deploying v1 anew.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "everyone", Rate: 400},
			{Name: "legacy", Rate: 300, Header: map[string]string{"x-client-id": "legacy"}},
		},
	},
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  []harness.Proof{harness.Diagnosis{}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "promoted",
		Do:     harness.Apply("2-promoted.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 100).Of("everyone"), expect.Share("v1", 100).Of("legacy"), expect.NoErrors()},
	}, {
		Name:   "v1 stopped",
		Do:     harness.ScaleTo{Deployment: "my-service-v1", Replicas: 0},
		Breaks: true,
		Await:  []harness.Proof{harness.Gone{Version: "v1"}},
		Prove:  []harness.Proof{harness.Endpoints{Subset: "v1", Want: 0}, harness.Diagnosis{Code: "IST0173"}},
		Expect: []expect.Expectation{
			expect.Flag(503, "UH", 100).Of("legacy"), expect.Share("v2", 100).Of("everyone"), expect.NoErrors().Of("everyone"),
		},
	}, {
		Name:   "subset v1 gone",
		Do:     harness.Apply("3-subset-gone.yaml"),
		Prove:  []harness.Proof{harness.NoCluster{Subset: "v1"}, harness.Diagnosis{Code: "IST0101", Files: "IST0101"}},
		Expect: []expect.Expectation{expect.Flag(503, "NC", 100).Of("legacy"), expect.NoErrors().Of("everyone")},
	}, {
		Name:   "back to the old route",
		Do:     harness.Revert("1-baseline.yaml"),
		Expect: []expect.Expectation{expect.Flag(503, "NC", 100)},
	}, {
		Name:   "route without v1",
		Do:     harness.Apply("4-route-without-v1.yaml"),
		Fixes:  true,
		Prove:  []harness.Proof{harness.Diagnosis{}},
		Expect: []expect.Expectation{expect.Share("v2", 100), expect.NoErrors()},
	}},
}
