package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// subsetUndefined is label-mismatch's sibling: there the subset exists and is empty, here it does not exist.
// The flag is another one, and so is what Envoy's statistics show: a cluster that is not there counts nothing.
var subsetUndefined = harness.Scenario{
	Name:   "subset-undefined",
	Title:  "A route to a subset that no DestinationRule defines turns the canary's share into 503 NC",
	Labels: []string{harness.Core},
	Story: "v2 runs, is ready, and is labelled as it should be. The VirtualService gives 10 % to subset v2, and " +
		"no DestinationRule says what subset v2 is. A tenth of the requests fails. The route is rolled back, the " +
		"subset is defined, and the same route works.",
	Cause: "Istio puts the name of the subset's cluster into the route without asking whether there is such a " +
		"cluster. The proxies have the route at once, and no cluster to go with it. Envoy answers 503 with " +
		"response flag NC, cluster_not_found, before any attempt is made; the body is empty. As there is no " +
		"cluster, no statistic of a cluster moves: only http.*.no_cluster of the listener does.",
	Source: "GetDestinationCluster in pilot/pkg/networking/core/route/route.go names the cluster; " +
		"pilot/pkg/networking/core/httproute.go sets validate_clusters to false",
	See: []string{
		"istioctl analyze: IST0101 names the host and the subset, also on files alone.",
		"istioctl proxy-config clusters deploy/load-client --fqdn my-service.subset-undefined.svc.cluster.local: " +
			"there is no line for v2.",
		"kubectl logs deploy/load-client -c istio-proxy: 503 NC cluster_not_found (label-mismatch has 503 UH " +
			"no_healthy_upstream).",
	},
	Fix: "Roll the VirtualService back first. Then define the subset in the DestinationRule, wait until the " +
		"proxies have its cluster, and only then give it weight.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. It works as long as the subset " +
		"that it goes back to is defined: a rollback to a subset that is not fails everything.",
	OnlyIstio: "There are no subsets. Where an HTTPRoute names a Service that is not there, callers get " +
		"500 and not 503.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.ReadyPods{Version: "v2", Want: 1}, harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 10 %",
		Do:     harness.Apply("2-canary.yaml"),
		Breaks: true,
		Prove: proofs{
			harness.NoCluster{Subset: "v2"}, harness.ReadyPods{Version: "v2", Want: 1},
			harness.Analysis{Code: "IST0101", Files: "IST0101"},
		},
		Expect: claims{
			expect.Flag(503, "NC", 10), expect.OnlyErrors(503, "NC"), expect.Share("v1", 90), expect.Untouched("v2"),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.FailAtMost(50), // as in a second
			expect.Share("v1", 100), expect.NoErrors(),
		},
	}, {
		Name:   "subset defined",
		Do:     harness.Apply("3-subset.yaml"),
		Fixes:  true,
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 1}, harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NeverFails()},
	}, {
		Name:   "canary at 10 % again",
		Do:     harness.Apply("4-canary-again.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.Share("v1", 90), expect.NeverFails()},
	}},
}
