package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// labelMismatch is the canary that everybody ships once: whoever wrote the subset wrote the release's number, whoever
// wrote the Deployment labelled its pods v2. Kubernetes and Istio accept both. Envoy gets a cluster for the subset with
// nobody in it, and does not give the cluster's share to anyone else.
//
// Its healthy twin is the baseline, where the subset matches and Envoy has its endpoint, and the last phase, where the
// same route works.
var labelMismatch = harness.Scenario{
	Name:   "label-mismatch",
	Title:  "A subset whose labels match no pod turns the canary's share into 503s while v2 is healthy and idle",
	Labels: []string{harness.Core},
	Story: "v2 runs and is ready. The canary's route gives it 10 %, and with the route comes a DestinationRule " +
		"whose subset v2 asks for version: v2.0. The pods are labelled version: v2. A tenth of the requests " +
		"fails, v2 gets none. The route is rolled back, the subset is fixed, and the same route works.",
	Cause: "The DestinationRule's subset v2 asks for the label version: v2.0, and no pod of my-service has it. " +
		"Istio builds an Envoy cluster (Envoy's list of the pods of one subset) for it all the same, without " +
		"endpoints. The route goes on to pick that Envoy cluster for its share of the requests, and Envoy " +
		"answers each of them itself: 503 with response flag UH, no_healthy_upstream. It is not retried, the " +
		"other subset does not step in, and the canary's own metrics stay clean because it never sees a request.",
	Source: "endpoints are filtered by subset labels in pilot/pkg/xds/endpoints/endpoint_builder.go; the cluster " +
		"is built for every subset in pilot/pkg/networking/core/cluster.go",
	See: []string{
		"kubectl get pods --show-labels: the pods say version=v2.",
		"kubectl get destinationrule my-service -o yaml: subset v2 says v2.0.",
		"istioctl proxy-config endpoints deploy/load-client | grep v2: nothing, until the subset is fixed. " +
			"istioctl proxy-config clusters deploy/load-client has the subset: the caller's proxy knows it, and " +
			"has no pod for it.",
		"kubectl logs deploy/load-client -c istio-proxy: 503 UH no_healthy_upstream, and no pod's address.",
	},
	Fix: "Roll the VirtualService back first: that ends the errors. Then let the subset ask only for labels that " +
		"the canary's pods carry, with their values (kubectl get pods --show-labels; here version: v2), wait " +
		"until the proxies have its endpoints (istioctl proxy-config endpoints), and only then give it weight " +
		"again. istioctl analyze finds the mismatch (IST0173) once the DestinationRule and the pods are on the " +
		"cluster, and needs no request for it; of the files alone it says nothing. So apply the rule before its " +
		"weight, and look.",
	Back:   "Apply a VirtualService that sends everything to v1: one kubectl apply.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name: "baseline",
		Do:   harness.Apply("1-baseline.yaml"),
		Prove: proofs{
			harness.Endpoints{Subset: "v2", Want: 1}, harness.ReadyPods{Version: "v2", Want: 1}, harness.Analysis{},
		},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 10 %",
		Do:     harness.Apply("2-canary.yaml"),
		Breaks: true,
		Prove: proofs{
			harness.Endpoints{Subset: "v2", Want: 0}, harness.ReadyPods{Version: "v2", Want: 1},
			harness.Analysis{Code: "IST0173"},
		},
		Expect: claims{
			expect.Flag(503, "UH", 10), expect.OnlyErrors(503, "UH"), expect.Share("v1", 90), expect.Untouched("v2"),
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
		Name:   "subset fixed",
		Do:     harness.Apply("3-fixed.yaml"),
		Fixes:  true,
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 1}, harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NeverFails()},
	}, {
		Name:   "canary at 10 % again",
		Do:     harness.Apply("4-canary-again.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.Share("v1", 90), expect.NeverFails()},
	}},
}
