package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// duplicateVirtualservices has two VirtualServices for one host. A sidecar takes the older one alone, and a gateway
// takes both, so that callers on either side see different services.
var duplicateVirtualservices = harness.Scenario{
	Name: "duplicate-virtualservices",
	Title: "Of two VirtualServices for one host callers in the mesh have the older one alone, until it is made " +
		"anew: then the other one's missing rule fails them",
	Story: "Beta callers are to get v2, by a VirtualService of its own beside the one that sends everybody to " +
		"v1. By the ingress gateway that works. In the mesh nothing changes, and nothing fails. Then the first " +
		"object is deleted and made anew, word for word. Now the other one is the older: it has a rule for beta " +
		"callers and no other, and everybody else in the mesh gets 404. The second object is deleted, and with " +
		"both rules in one object both sides get what was meant.",
	Cause: "Istio merges VirtualServices for one host at gateways only. For a sidecar a host has one list of " +
		"routes: that of the object that was made first, in steps of a second, and then by name and namespace. " +
		"The others have no effect, not even for requests that the first one does not match. An update keeps an " +
		"object's age. What deletes and makes anew, as kubectl replace --force or an uninstalled release, does " +
		"not.",
	Source: "configCompareByCreationTime in pilot/pkg/model/config.go, dedupeDomains in " +
		"pilot/pkg/networking/core/httproute.go, and the merging of hosts in buildGatewayHTTPRouteConfig in " +
		"pilot/pkg/networking/core/gateway.go; istio/istio#22997, istio/istio#36621",
	See: []string{
		"istioctl analyze: IST0109 names both objects, also on files alone.",
		"kubectl get virtualservice --sort-by=.metadata.creationTimestamp: the first one with the host is the " +
			"mesh's.",
		"istioctl proxy-config routes deploy/load-client --name 80: the column VIRTUAL SERVICE says whose rules " +
			"these are. For deploy/ingress both are there.",
		"pilot_vservice_dup_domain, of istiod's metrics, has a value for each host of which something was left out.",
	},
	Fix: "Have one VirtualService for each host in the mesh, with all of its rules and a last one for everybody. " +
		"If teams need a file each, delegate: rules of one root object can name others.",
	Back: "Delete the object that should not be there. That works at once, as the other one is there already; " +
		"deleting the wrong one of the two takes everybody's route.",
	OnlyIstio: "HTTPRoutes of one Service are merged, so that it does not matter which is the older.",
	Files:     files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "inside", Rate: 150},
			{Name: "inside-beta", Rate: 150, Header: map[string]string{"x-user-group": "beta"}},
			{Name: "outside", Rate: 150, Entry: loadgen.Gateway, Header: map[string]string{
				"Host": "my-service.example.com",
			}},
			{Name: "outside-beta", Rate: 150, Entry: loadgen.Gateway, Header: map[string]string{
				"Host": "my-service.example.com", "x-user-group": "beta",
			}},
		},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "a second object",
		Do:     harness.Apply("2-second.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{Code: "IST0109", Files: "IST0109"}},
		Expect: claims{
			expect.Share("v1", 100).Of("inside-beta"), expect.Share("v2", 100).Of("outside-beta"),
			expect.Share("v1", 100).Of("inside"), expect.Share("v1", 100).Of("outside"), expect.NeverFails(),
		},
	}, {
		Name: "the first object deleted",
		Do:   harness.Delete("3-first.yaml"),
		Expect: claims{
			expect.Flag(404, "NR", 100).Of("inside"), expect.Flag(404, "NR", 100).Of("outside"),
			expect.Share("v2", 100).Of("inside-beta"),
		},
	}, {
		Name: "the first object made anew",
		Do:   harness.Apply("3-first.yaml"),
		Expect: claims{
			expect.Flag(404, "NR", 100).Of("inside"), expect.Share("v2", 100).Of("inside-beta"),
			expect.Share("v1", 100).Of("outside"), expect.Share("v2", 100).Of("outside-beta"),
		},
	}, {
		Name:     "the second object deleted",
		Do:       harness.Delete("2-second.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.FailAtMost(150), // as in a second
			expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors(),
		},
	}, {
		Name:  "both rules in one object",
		Do:    harness.Apply("4-one-object.yaml"),
		Fixes: true,
		Prove: proofs{harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 100).Of("inside-beta"), expect.Share("v2", 100).Of("outside-beta"),
			expect.Share("v1", 100).Of("inside"), expect.Share("v1", 100).Of("outside"), expect.NeverFails(),
		},
	}},
}
