package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// applyOrder applies the same two objects in two orders, and takes them away in two orders. What a GitOps tool
// applies in the order of file names is right only by luck.
var applyOrder = harness.Scenario{
	Name: "apply-order",
	Title: "The same route and subset fail in one order of applying them and work in the other, on the way in " +
		"and on the way out",
	Story: "The route to subset v2 is applied, and only then the subset: until it comes, a tenth of the requests " +
		"fails. Then the subset is taken away while the route still uses it, with the same result. In the safe " +
		"order (subset, wait, route; and on the way out route, wait, subset) no request fails, from each write on. " +
		"At the end both come in one apply: whether that costs a request is up to the order in which they arrive.",
	Cause: "A VirtualService and a DestinationRule reach each proxy as different resources, and each of them " +
		"works as soon as it is there. A route that comes before its cluster, or that outlives it, answers 503 " +
		"NC. In one apply, istiod sends clusters before routes, which is the safe order on the way in and the " +
		"wrong one on the way out.",
	Source: "the order CDS, EDS, LDS, RDS in pilot/pkg/xds/ads.go (PushOrder); istio.io, Traffic Management Best " +
		"Practices, \"Avoid 503 errors while reconfiguring service routes\"",
	See: []string{
		"istioctl proxy-config routes deploy/load-client --name 80 -o json: the route names outbound|80|v2|…",
		"istioctl proxy-config clusters deploy/load-client: and there is no such cluster.",
		"kubectl get virtualservice,destinationrule -o " +
			"'custom-columns=KIND:.kind,CREATED:.metadata.creationTimestamp': which one came first.",
	},
	Fix: "Make before break: define the subset, wait until every proxy has it, then route to it. On the way out " +
		"take it from the route, wait, then delete the subset. Two applies, not one.",
	Back: "The route first, and alone. A rollback that removes route and subset in one apply costs the requests " +
		"between the two pushes.",
	OnlyIstio: "There are no subsets. Where an HTTPRoute names a Service that is not there, callers get " +
		"500 and not 503.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.NoCluster{Subset: "v2"}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "route before subset",
		Do:     harness.Apply("2-route.yaml"),
		Breaks: true,
		Prove:  proofs{harness.NoCluster{Subset: "v2"}, harness.Analysis{Code: "IST0101", Files: "IST0101"}},
		Expect: claims{expect.Flag(503, "NC", 10), expect.OnlyErrors(503, "NC")},
	}, {
		Name:   "subset after it",
		Do:     harness.Apply("3-subset.yaml"),
		Fixes:  true,
		Expect: claims{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:   "subset gone before route",
		Do:     harness.Apply("4-no-subset.yaml"),
		Expect: claims{expect.Flag(503, "NC", 10), expect.OnlyErrors(503, "NC")},
	}, {
		Name:     "route back",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.NoErrors()},
	}, {
		// It is settled once every proxy has the subset: that is the wait of the safe order.
		Name:   "subset alone",
		Do:     harness.Apply("3-subset.yaml"),
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 1}},
		Expect: claims{expect.Share("v1", 100), expect.ReachAtMost("v2", 0), expect.NeverFails()},
	}, {
		Name:   "then the route",
		Do:     harness.Apply("2-route.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.NeverFails()},
	}, {
		Name:     "route back, alone",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 50), // as in a second
			expect.NeverFails(),
		},
	}, {
		Name:   "then the subset",
		Do:     harness.Apply("4-no-subset.yaml"),
		Prove:  proofs{harness.NoCluster{Subset: "v2"}},
		Expect: claims{expect.Share("v1", 100), expect.NeverFails()},
	}, {
		Name:   "both in one apply",
		Do:     harness.Apply("5-both.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.NoErrors()},
	}},
}
