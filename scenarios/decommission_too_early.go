package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// decommissionTooEarly is the morning after: v2 has all requests, v1 is stopped, and one rule that nobody
// thought of still points to it. The overall error rate is as small as that group of callers.
var decommissionTooEarly = harness.Scenario{
	Name: "decommission-too-early",
	Title: "v1 is stopped once v2 has everything, but one overlooked rule still routes to v1; without v1 there " +
		"is no rollback",
	Story: "The route sends all callers to v2, except callers with the header x-client-id: legacy: an overlooked " +
		"rule still sends those to v1. v1 is stopped: the legacy callers get 503 with flag UH. Then subset v1 is " +
		"deleted from the DestinationRule: they still get 503, now with NC. Somebody rolls back to the old " +
		"route, which had always worked. But it sends everybody to subset v1, which is gone: now everybody gets " +
		"503. A route that no longer mentions v1 mends it.",
	Cause: "While the DestinationRule has the subset, the callers' proxies keep an Envoy cluster for it (an " +
		"Envoy cluster is a proxy's list of the pods of one subset). Without pods the list is empty: 503 UH, no " +
		"healthy upstream. When the subset is deleted, the cluster is gone, but routes may still name it: 503 " +
		"NC, no cluster. Envoy never sends the request to the other subset instead. And a rollback works only if " +
		"the version that it goes back to is still there.",
	Source: "endpoints of a subset: pilot/pkg/xds/endpoints/endpoint_builder.go; names of clusters in routes: " +
		"pilot/pkg/networking/core/route/route.go",
	See: []string{
		"kubectl get virtualservice -A -o yaml | grep -n 'subset: v1$': shows whether any VirtualService in any " +
			"namespace still names a subset v1; open the output to see whose.",
		"kubectl get pods -l version=v1: No resources found.",
		"istioctl analyze: IST0173 (a subset matches no pods) while the subset has none, IST0101 (a route names " +
			"something that does not exist) once it is deleted.",
	},
	Fix: "Keep v1 running with 0 % for as long as you may want to roll back. Then: 1. take v1 out of every route " +
		"(also header rules, mirrors, gateways and other namespaces); 2. see that v1's own request counter no " +
		"longer rises; 3. remove its subset from the DestinationRule; 4. stop its pods.",
	Back: "No route brings v1 back: its pods and its subset have to be deployed again, and that is how long a " +
		"rollback takes. What ends the 503 is a route that names v2 alone.",
	OnlyIstio: "There are no subsets. Where an HTTPRoute names a Service that is not there, callers get " +
		"500 and not 503.",
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
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name: "promoted",
		Do:   harness.Apply("2-promoted.yaml"),
		Expect: claims{
			expect.Share("v2", 100).Of("everyone"), expect.Share("v1", 100).Of("legacy"), expect.NeverFails(),
		},
	}, {
		Name:   "v1 stopped",
		Do:     harness.ScaleTo{Deployment: "my-service-v1", Replicas: 0},
		Breaks: true,
		Await:  proofs{harness.Gone{Version: "v1"}},
		Prove:  proofs{harness.Endpoints{Subset: "v1", Want: 0}, harness.Analysis{Code: "IST0173"}},
		Expect: claims{
			expect.Flag(503, "UH", 100).Of("legacy"), expect.Share("v2", 100).Of("everyone"),
			expect.NeverFails().Of("everyone"),
		},
	}, {
		Name:   "subset v1 gone",
		Do:     harness.Apply("3-subset-gone.yaml"),
		Prove:  proofs{harness.NoCluster{Subset: "v1"}, harness.Analysis{Code: "IST0101", Files: "IST0101"}},
		Expect: claims{expect.Flag(503, "NC", 100).Of("legacy"), expect.NeverFails().Of("everyone")},
	}, {
		Name:   "back to the old route",
		Do:     harness.Revert("1-baseline.yaml"),
		Expect: claims{expect.Flag(503, "NC", 100)},
	}, {
		Name:   "route without v1",
		Do:     harness.Apply("4-route-without-v1.yaml"),
		Fixes:  true,
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v2", 100), expect.NoErrors()},
	}},
}
