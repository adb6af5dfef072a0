package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// httprouteAndVirtualService is a migration to the Gateway API that is half done: both APIs have a route for one host.
//
// Its healthy twin are the baseline and the last phase, where the VirtualService is alone.
var httprouteAndVirtualService = harness.Scenario{
	Name: "httproute-and-virtualservice",
	Title: "An HTTPRoute beside a VirtualService for one host takes the callers of its own namespace; elsewhere the " +
		"older of the two counts, and no rollback by the other reaches anybody",
	Story: "my-service is routed by a VirtualService, which sends all requests to v1. Somebody adds an HTTPRoute for " +
		"the Service, in its namespace, that gives v2 20 %. Callers of that namespace follow the HTTPRoute; callers " +
		"of another one go on by the VirtualService. The VirtualService is applied again, to roll back, and nothing " +
		"changes. Then it is deleted and made anew, word for word: now it is the younger of the two, and the callers " +
		"elsewhere have the HTTPRoute too. With the HTTPRoute deleted everybody is back.",
	Cause: "istiod makes a VirtualService of each HTTPRoute, and a sidecar takes one VirtualService for a host: " +
		"the first of its list. Those made of routes of the caller's own namespace come first, so that a consumer's " +
		"route can take the place of a producer's. All others come by age, whatever they are made of, in steps of a " +
		"second. There is no merging, no warning, and no precedence of one API over the other.",
	Source: "VirtualServicesForGateway in pilot/pkg/model/push_context.go, UseGatewaySemantics in " +
		"pilot/pkg/model/virtualservice.go, configCompareByCreationTime in pilot/pkg/model/config.go, dedupeDomains " +
		"in pilot/pkg/networking/core/httproute.go",
	See: []string{
		"kubectl get virtualservice,httproute -A: two objects for my-service.",
		"istioctl proxy-config routes deploy/load-client --name 80: its column VIRTUAL SERVICE says whose rules " +
			"these are. For those that were made of HTTPRoutes it has NAMESPACE~80~HOST.",
		"kubectl get httproute my-service -o yaml: its status is Accepted, for all callers, wherever they are.",
		"istioctl analyze: nothing.",
	},
	Fix: "Have one API for a host. To migrate, write the HTTPRoute with the weights that the VirtualService has, " +
		"look at the routes of a caller in each namespace, delete the VirtualService, and only then change weights.",
	Back: "Roll back by the object that the caller's proxy has, which differs from namespace to namespace. Deleting " +
		"the HTTPRoute gives everybody the VirtualService, at once.",
	OnlyIstio: "It is about both APIs, and has both itself.",
	Files:     files,
	Site: addons.Site{
		Namespaces: []string{"httproute-and-virtualservice", "httproute-and-virtualservice-elsewhere"},
		Callers: []addons.Caller{{
			Name: "elsewhere", Namespace: "httproute-and-virtualservice-elsewhere",
			Labels: map[string]string{"app": "elsewhere"},
		}},
	},
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "inside", Rate: 300},
			{
				Name: "elsewhere", Rate: 300, Caller: "elsewhere",
				URL: "http://my-service.httproute-and-virtualservice.svc.cluster.local/",
			},
		},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "an HTTPRoute beside it",
		Do:     harness.Apply("2-httproute.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 20).Of("inside"), expect.Share("v1", 100).Of("elsewhere"),
			expect.ReachAtMost("v2", 0).Of("elsewhere"), expect.NeverFails(),
		},
	}, {
		Name: "the VirtualService applied again",
		Do:   harness.Revert("1-baseline.yaml"),
		Expect: claims{
			expect.Share("v2", 20).Of("inside"), expect.ReachAtMost("v2", 0).Of("elsewhere"), expect.NeverFails(),
		},
	}, {
		Name: "the VirtualService deleted",
		Do:   harness.Delete("3-virtualservice.yaml"),
		Expect: claims{
			expect.Share("v2", 20).Of("elsewhere"), expect.Share("v2", 20).Of("inside"), expect.NeverFails(),
		},
	}, {
		Name: "the VirtualService made anew",
		Do:   harness.Apply("3-virtualservice.yaml"),
		Expect: claims{
			expect.Share("v2", 20).Of("elsewhere"), expect.Share("v2", 20).Of("inside"), expect.NeverFails(),
		},
	}, {
		Name:     "the HTTPRoute deleted",
		Do:       harness.Delete("2-httproute.yaml"),
		Rollback: true,
		Fixes:    true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors(),
		},
	}},
}
