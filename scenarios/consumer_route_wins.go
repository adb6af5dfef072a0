package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

// consumerRouteWins is the Gateway API's difference between a producer's route and a consumer's, which is what somebody
// in another namespace writes for callers of their own.
//
// Its healthy twin are the callers of the producer's namespace, whom the producer's route moves there and back.
var consumerRouteWins = harness.Scenario{
	Name: "consumer-route-wins",
	Title: "A caller's namespace has an HTTPRoute of its own for somebody else's Service: its callers stay on a bad " +
		"canary while the owner's rollback works for all others",
	Story: "The shop calls my-service, which another team owns, and writes an HTTPRoute for it in its own namespace, " +
		"to try v2. For the shop's callers that route holds, and no one else's requests move. The owner gives v2 " +
		"20 %: for the shop that changes nothing. v2 begins to fail 30 % of its requests. The owner rolls back, all " +
		"others are well at once, and the shop goes on failing, until its own route is deleted.",
	Cause: "An HTTPRoute whose parent is a Service of its own namespace is the producer's, and holds for all " +
		"callers. In another namespace it is a consumer's: it holds for the callers of that namespace, and there in " +
		"the place of the producer's, not beside it. The owner of the Service need not agree: in the mesh Istio asks " +
		"for no ReferenceGrant. So whoever rolls back changes a route that some callers do not have.",
	Source: "gateway-api.sigs.k8s.io, GEP-1426 (producer and consumer routes); VirtualServicesForGateway in " +
		"pilot/pkg/model/push_context.go (routes of the caller's namespace come first), HTTPRouteCollection in " +
		"pilot/pkg/config/kube/gateway/route_collections.go; istio/istio#45065",
	See: []string{
		"kubectl get httproute -A: the one of consumer-route-wins-shop has a parent in another namespace (-o yaml).",
		"istioctl proxy-config routes deploy/load-client-shop.consumer-route-wins-shop --name 80: its column VIRTUAL " +
			"SERVICE names the shop's route; that of deploy/load-client names the owner's.",
		"kubectl get httproute try-v2 -n consumer-route-wins-shop -o yaml: its status is Accepted, and " +
			"ResolvedRefs. The Service itself says nothing of it.",
		"istioctl analyze -A: nothing.",
	},
	Fix: "Have the consumer delete its route, or write it back: the owner can't. Look for routes of others before a " +
		"rollout (kubectl get httproute -A), and compare each namespace's share with the weights. An admission " +
		"policy can refuse HTTPRoutes whose parent is a Service of another namespace.",
	Back: "The producer's HTTPRoute takes back those who have no route of their own, in one kubectl apply. For each " +
		"consumer's namespace it takes another write, by somebody else.",
	OnlyIstio: "It is about HTTPRoutes, and has them itself.",
	Files:     files,
	Site: addons.Site{
		Namespaces: []string{"consumer-route-wins", "consumer-route-wins-shop"},
		Callers: []addons.Caller{{
			Name: "shop", Namespace: "consumer-route-wins-shop", Labels: map[string]string{"app": "shop"},
		}},
	},
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "others", Rate: 300},
			{Name: "shop", Rate: 300, Caller: "shop", URL: "http://my-service.consumer-route-wins.svc.cluster.local/"},
		},
	},
	Canary:       "v2",
	CanaryCohort: "others",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.Endpoints{Service: "my-service-v2", Want: 1}, harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "the shop's own route",
		Do:     harness.Apply("2-consumer.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 100).Of("shop"), expect.Share("v1", 100).Of("others"),
			expect.ReachAtMost("v2", 0).Of("others"), expect.NeverFails(),
		},
	}, {
		Name: "canary at 20 %",
		Do:   harness.Apply("3-canary.yaml"),
		Expect: claims{
			expect.Share("v2", 20).Of("others"), expect.Share("v2", 100).Of("shop"), expect.NeverFails(),
		},
	}, {
		Name: "v2 fails",
		Do:   harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 0.3, ErrorCode: 500}},
		Expect: claims{
			expect.Flag(500, "-", 30).Of("shop"), expect.Flag(500, "-", 6).Of("others"), expect.OnlyErrors(500, "-"),
		},
	}, {
		Name:     "the owner's rollback",
		Do:       harness.RevertHTTPRoute("1-baseline.yaml"),
		Rollback: true,
		Point:    true,
		Expect: claims{
			expect.Flag(500, "-", 30).Of("shop"), expect.RecoveredWithin(routeWithin),
			expect.Share("v1", 100).Of("others"), expect.NoErrors().Of("others"),
		},
	}, {
		Name:     "the shop's route deleted",
		Do:       harness.Delete("2-consumer.yaml"),
		Rollback: true,
		Fixes:    true,
		Cohort:   "shop",
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors(),
		},
	}},
}
