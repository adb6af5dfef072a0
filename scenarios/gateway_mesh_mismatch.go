package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// gatewayMeshMismatch has callers on both sides of the gateway, and a route that is bound to one of them at a time. It
// shows what each binding leaves to the others: the Service's own balancing inside of the mesh, and nothing at the
// gateway.
var gatewayMeshMismatch = harness.Scenario{
	Name: "gateway-mesh-mismatch",
	Title: "A canary's route that is bound to the gateway alone leaves callers in the mesh without one: half of " +
		"their requests get v2, and the rollback does not reach them",
	Story: "Some callers come by the ingress gateway, others are in the mesh, and one route is both's. The " +
		"canary's route names the gateway, and so it is no longer the mesh's: by the gateway v2 gets its 10 %, " +
		"and of the calls in the mesh half. Nothing fails. The canary is taken back where it was given, and in " +
		"the mesh that changes nothing; only the route of before does. Bound to the mesh alone, the gateway has " +
		"no route, and answers 404. Bound to both, both get 10 %.",
	Cause: "A VirtualService without gateways is for the sidecars: that is the word mesh. With gateways it is " +
		"for those that it names and for no one else, mesh included. A proxy without a route for a Service " +
		"makes one by itself, to all of the Service's pods: one pod of two gets half. A gateway makes none by " +
		"itself, and without a route for the host it answers 404 with flag NR.",
	Source: "gateways in the VirtualService API (istio.io); buildSidecarOutboundVirtualHosts in " +
		"pilot/pkg/networking/core/httproute.go (routes for mesh), BuildSidecarVirtualHostWrapper in " +
		"pilot/pkg/networking/core/route/route.go (default hosts of services that no route has), " +
		"buildGatewayHTTPRouteConfig in pilot/pkg/networking/core/gateway.go",
	See: []string{
		"kubectl get virtualservice: the column GATEWAYS. It is empty for the mesh alone.",
		"istioctl proxy-config routes deploy/load-client --name 80: a line for my-service without a " +
			"VirtualService means that the Service's own balancing is in force.",
		"istioctl proxy-config routes deploy/ingress: the gateway's side.",
		"Prometheus: istio_requests_total by source_workload and destination_version. All together they look " +
			"like a canary with too large a share.",
	},
	Fix: "Name mesh beside the gateway, or write one VirtualService for each side and change both. Compare the " +
		"share of each group of callers with the weights.",
	Back: "Write the route of before for every side that ever lost it. Weights that go back at the gateway take " +
		"the canary from nobody in the mesh.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "inside", Rate: 250},
			{Name: "outside", Rate: 250, Entry: loadgen.Gateway, Header: map[string]string{
				"Host": "my-service.example.com",
			}},
		},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "bound to the gateway alone",
		Do:     harness.Apply("2-gateway-only.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 35).AtLeast().Foreseen(50).DrawnSingly().Of("inside"),
			expect.Share("v2", 65).AtMost().Foreseen(50).DrawnSingly().Of("inside"),
			expect.Share("v2", 10).Of("outside"), expect.NeverFails(),
		},
	}, {
		Name: "taken back at the gateway",
		Do:   harness.Apply("3-gateway-back.yaml"),
		Expect: claims{
			expect.Share("v1", 100).Of("outside"),
			expect.Share("v2", 35).AtLeast().Foreseen(50).DrawnSingly().Of("inside"), expect.NeverFails(),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 250), // as in a second
			expect.Share("v1", 100), expect.Untouched("v2"), expect.NeverFails(),
		},
	}, {
		Name: "bound to the mesh alone",
		Do:   harness.Apply("4-mesh-only.yaml"),
		Expect: claims{
			expect.Flag(404, "NR", 100).Of("outside"), expect.Share("v2", 10).Of("inside"),
			expect.NeverFails().Of("inside"),
		},
	}, {
		Name:  "bound to both",
		Do:    harness.Apply("5-both.yaml"),
		Fixes: true,
		Prove: proofs{harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 10).Of("outside"), expect.Share("v2", 10).Of("inside"), expect.NoErrors(),
			expect.NeverFails().Of("inside"),
		},
	}},
}
