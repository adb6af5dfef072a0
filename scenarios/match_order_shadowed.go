package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// matchOrderShadowed has two rules by path, of which the lower one is never met: what it was to keep from the canary
// goes there. Its healthy twin has the same two rules in the other order.
var matchOrderShadowed = harness.Scenario{
	Name: "match-order-shadowed",
	Title: "The rule that keeps the checkout on v1 stands below the canary's and is never met, so that a fifth " +
		"of the checkout's requests gets v2",
	Story: "The shop is to try v2 with 20 % of its requests, and the checkout below it, /shop/checkout, is " +
		"frozen on v1. Both rules are in the VirtualService, the one for /shop first. The checkout's path " +
		"begins with /shop too, so that its own rule is never tried: a fifth of its requests gets v2. Nobody's " +
		"request fails. The route is taken back, and with the exact path first each gets what was meant.",
	Cause: "HTTP rules are tried from the top, and the first that matches decides. A prefix is a matter of " +
		"letters: /shop matches /shop/checkout, and /shopping as well. The more exact match does not win, as " +
		"it does for a Kubernetes Ingress and for a Gateway API HTTPRoute. A rule that can't be met is no " +
		"error: the API server takes it, the proxies have it, and the shop's own split is right to the " +
		"percent.",
	Source: "BuildHTTPRoutesForVirtualService in pilot/pkg/networking/core/route/route.go keeps the order, and " +
		"Envoy takes the first match (envoyproxy.io, HTTP route matching); analyzeUnreachableHTTPRules in " +
		"pkg/config/validation/validation.go compares matches that are the same, and prefixes with prefixes",
	See: []string{
		"kubectl get virtualservice my-service -o yaml: read the rules from the top, as a request for " +
			"/shop/checkout.",
		"istioctl proxy-config routes deploy/load-client --name 80: the order in which they are tried.",
		"istioctl analyze finds nothing here. Two prefixes of which the upper one covers the lower one it does " +
			"find, and kubectl apply warns of them too: write a prefix where you can.",
		"kubectl logs deploy/my-service-v2 -c istio-proxy shows nothing, as nothing fails. " +
			"istio_requests_total has no path: only the version beside each path tells, as in an access log of " +
			"all requests.",
	},
	Fix: "Put the more exact match above the wider one, and test each path by itself before you believe a split. " +
		"canarylab test does that for every rule of a file.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. It takes the canary from " +
		"both paths.",
	OnlyIstio: "In the Gateway API an exact path comes before a prefix, wherever in the list it stands: " +
		"this can't happen.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "shop", Rate: 300, URL: "http://my-service/shop"},
			{Name: "checkout", Rate: 300, URL: "http://my-service/shop/checkout"},
		},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "prefix first",
		Do:     harness.Apply("2-shadowed.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 20).Of("checkout"), expect.Share("v2", 20).Of("shop"), expect.NeverFails(),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 120), // as in a second
			expect.Share("v1", 100), expect.Untouched("v2"), expect.NeverFails(),
		},
	}, {
		Name:  "exact path first",
		Do:    harness.Apply("3-ordered.yaml"),
		Fixes: true,
		Prove: proofs{harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 20).Of("shop"), expect.Share("v1", 100).Of("checkout"),
			expect.ReachAtMost("v2", 0).Of("checkout"), expect.NeverFails(),
		},
	}},
}
