package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// serviceInsteadOfVirtualService switches versions by the Service, as one did before there was a mesh. Callers
// with a sidecar and callers without are hit in opposite ways.
//
// Each request has a connection of its own, as a Service deals out connections. Kept ones follow a switch of
// the Service too: v1's own sidecar closes them when no Service selects its pod that way any more. (A pod
// without a sidecar would keep them.)
var serviceInsteadOfVirtualService = harness.Scenario{
	Name: "service-instead-of-virtualservice",
	Title: "Switching versions by the Service's selector breaks callers with a sidecar and moves those without; " +
		"a route moves those with a sidecar, and breaks nobody",
	Story: "The Service selects version: v1, and so does the route. Somebody switches the Service to v2, as it " +
		"was done before there was a mesh. Callers with a sidecar get 503 for everything; callers without one " +
		"are on v2. The Service is made to select both versions: callers with a sidecar are back on v1, the " +
		"others get both. The route moves to v2: callers with a sidecar follow at once, the others still get " +
		"both.",
	Cause: "A subset is a part of the Service's endpoints. Once the Service selects only v2, subset v1 is empty, " +
		"and the route that names it answers 503 UH. For callers with a sidecar the route picks the subset, and " +
		"the subset's pods are those that the Service selects and that carry the subset's label. Callers without " +
		"one have the Service alone: kube-proxy picks one of its pods when a connection is opened, whatever the " +
		"route says.",
	Source: "pilot/pkg/xds/endpoints/endpoint_builder.go filters the Service's endpoints by the subset's labels; " +
		"kube-proxy translates addresses per connection (conntrack)",
	See: []string{
		"kubectl get service my-service -o jsonpath='{.spec.selector}': it must not say a version.",
		"istioctl proxy-config endpoints deploy/load-client | grep '|v1|my-service': nothing, although kubectl " +
			"get pods -l version=v1 shows it ready.",
		"istioctl analyze says nothing of a selector that is too narrow.",
	},
	Fix: "Give callers a sidecar first, or have them come through a gateway that the VirtualService names: those " +
		"without get both versions as soon as the Service selects both. Then let the Service select the app and " +
		"not the version, and move versions by the VirtualService.",
	Back: "Let the Service select v1 again, alone or with v2: callers with a sidecar are well as soon as their " +
		"proxies have its pods. Callers without one get, from their next connection on, what it selects. Once it " +
		"selects both, a release goes forward and back by its route, one kubectl apply, for callers with a " +
		"sidecar.",
	OnlyIstio: "An HTTPRoute sends to the versions' own Services. What the Service selects that callers " +
		"ask for does not matter to it: this can't happen.",
	Files:        files,
	Load:         withAndWithoutSidecar,
	CanaryCohort: "with-sidecar",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "Service switched to v2",
		Do:     harness.Apply("2-switch-service.yaml"),
		Breaks: true,
		Prove: proofs{
			harness.Endpoints{Subset: "v1", Want: 0}, harness.ReadyPods{Version: "v1", Want: 1}, harness.Analysis{},
		},
		Expect: claims{
			expect.Flag(503, "UH", 100).Of("with-sidecar"),
			expect.Share("v2", 90).AtLeast().Foreseen(99).DrawnSingly().Of("without-sidecar"),
			expect.NoErrors().Of("without-sidecar"),
		},
	}, {
		Name:     "Service of both versions",
		Do:       harness.Apply("3-service-of-both.yaml"),
		Rollback: true,
		Fixes:    true,
		Prove:    proofs{harness.Endpoints{Subset: "v1", Want: 1}, harness.Endpoints{Subset: "v2", Want: 1}},
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.Share("v1", 100).Of("with-sidecar"),
			expect.Share("v1", 35).AtLeast().Foreseen(50).DrawnSingly().Of("without-sidecar"),
			expect.Share("v2", 35).AtLeast().Foreseen(50).DrawnSingly().Of("without-sidecar"), expect.NoErrors(),
		},
	}, {
		Name: "route switched to v2",
		Do:   harness.Apply("4-switch-route.yaml"),
		Expect: claims{
			expect.Share("v2", 100).Of("with-sidecar"),
			expect.Share("v1", 35).AtLeast().Foreseen(50).DrawnSingly().Of("without-sidecar"),
			expect.Share("v2", 35).AtLeast().Foreseen(50).DrawnSingly().Of("without-sidecar"), expect.NoErrors(),
		},
	}},
}
