package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// subsetRemovedInUse uninstalls a canary that still has its share. Its subset is in a DestinationRule of its own, which
// Istio merges with the service's. In apply-order one object loses a subset and keeps its pods; here both go at once,
// and the flag says which one callers notice.
var subsetRemovedInUse = harness.Scenario{
	Name: "subset-removed-in-use",
	Title: "A canary's release is uninstalled, subset and pods, while a route still gives it 20 %: 503 NC for " +
		"all of that, and none in the safe order",
	Story: "The canary is a release of its own: a deployment, and a DestinationRule that adds subset v2 to that " +
		"of the service. The route is in another repository. It gives v2 20 %, and the release is uninstalled: " +
		"a fifth of the requests fails. The route goes back to v1, and nothing fails. The release is installed " +
		"once more and gets its share; then the route is taken back first, and then the release, without one " +
		"failed request.",
	Cause: "DestinationRules for one host are merged, and each may bring subsets: nobody asks whether a route " +
		"uses one before it goes. The cluster leaves the proxies with the object. A route that names it stays as " +
		"it is, and answers 503 with the flag NC before anybody asks for pods. That the pods are gone too no " +
		"longer matters: it would have been 503 UH.",
	Source: "mergeDestinationRule in pilot/pkg/model/destination_rule.go; pilot/pkg/networking/core/httproute.go " +
		"sets validate_clusters to false; istio.io, Traffic Management Best Practices, \"Avoid 503 errors while " +
		"reconfiguring service routes\"",
	See: []string{
		"istioctl analyze: IST0101 names the host and the subset.",
		"kubectl get destinationrule: the one that is left, and it has no subset v2.",
		"istioctl proxy-config clusters deploy/load-client: no line for v2, and proxy-config routes " +
			"deploy/load-client --name 80 -o json still names outbound|80|v2|….",
		"kubectl get events: what was killed, and when; kubectl logs deploy/load-client -c istio-proxy: 503 NC " +
			"since then.",
	},
	Fix: "Take the weight away first, wait until every proxy has the route, then uninstall. Ask which routes " +
		"name the subset before its object goes: istioctl analyze with the routes and without the release tells.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply, and no pod has to come back. " +
		"To install the release again works too, once its pods are ready.",
	OnlyIstio: "There are no subsets. Where an HTTPRoute names a Service that is not there, callers get " +
		"500 and not 503.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "release installed",
		Do:     harness.Apply("2-release.yaml"),
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 1}, harness.Endpoints{Subset: "v1", Want: 1}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NeverFails()},
	}, {
		Name:   "canary at 20 %",
		Do:     harness.Apply("3-canary.yaml"),
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v2", 20), expect.NeverFails()},
	}, {
		Name:   "release uninstalled",
		Do:     harness.Delete("2-release.yaml"),
		Breaks: true,
		Await:  proofs{harness.Gone{Version: "v2"}},
		Prove:  proofs{harness.NoCluster{Subset: "v2"}, harness.Analysis{Code: "IST0101", Files: "IST0101"}},
		Expect: claims{expect.Flag(503, "NC", 20), expect.OnlyErrors(503, "NC"), expect.Share("v1", 80)},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.FailAtMost(100), // as in a second
			expect.Share("v1", 100), expect.NoErrors(),
		},
	}, {
		Name:   "release installed again",
		Do:     harness.Apply("2-release.yaml"),
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 1}},
		Repeat: true,
		Expect: claims{expect.Share("v1", 100), expect.NeverFails()},
	}, {
		Name:   "canary at 20 % again",
		Do:     harness.Apply("3-canary.yaml"),
		Repeat: true,
		Expect: claims{expect.Share("v2", 20), expect.NeverFails()},
	}, {
		Name:     "route back, first",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Fixes:    true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 100), // as in a second
			expect.Share("v1", 100), expect.NeverFails(),
		},
	}, {
		Name:   "then the release",
		Do:     harness.Delete("2-release.yaml"),
		Await:  proofs{harness.Gone{Version: "v2"}},
		Prove:  proofs{harness.NoCluster{Subset: "v2"}, harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.NeverFails()},
	}},
}
