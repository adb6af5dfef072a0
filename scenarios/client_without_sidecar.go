package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// clientWithoutSidecar has two callers side by side, one with a sidecar and one without. They call the same host and live in two different
// worlds.
//
// A Service deals out connections and not requests, so that each request has a connection of its own: otherwise one draw of the lots would decide
// for a whole caller.
var clientWithoutSidecar = harness.Scenario{
	Name:   "client-without-sidecar",
	Title:  "A caller without a sidecar gets the canary from the moment that its pod is ready, whatever the weights say, and no route takes it back",
	Labels: []string{harness.Core},
	Story: "Two callers send to my-service: one has a sidecar, the other has none (a cron job, a node's agent, a namespace without injection). v2 is deployed, with weight 0: the one gets v1, the other half of its answers " +
		"from v2. The canary gets 10 %: the one sees 10 %, the other still 50 %. The route is taken back: the one is back on v1, the other is not. Scaling v2 to 0 takes it from both.",
	Cause: "A VirtualService is compiled into the routes of the caller's own proxy. A caller without one resolves the Service's name, and the node's kube-proxy draws one of the Service's ready pods " +
		"for each connection: one pod each of v1 and v2 is half and half. The server's sidecar takes what comes and routes nothing.",
	Source: "BuildSidecarVirtualHostWrapper in pilot/pkg/networking/core/route/route.go builds routes for outbound traffic only; kube-proxy, service.spec.sessionAffinity None",
	See: []string{
		"kubectl get pods -o jsonpath='{range .items[*]}{.metadata.name}{\" \"}{.spec.initContainers[*].name}{\" \"}{.spec.containers[*].name}{\"\\n\"}{end}': who has an istio-proxy.",
		"istioctl proxy-status: the caller is not in the list.",
		"kubectl get namespace -L istio-injection,istio.io/rev; istioctl analyze says IST0103 for a pod that should have one.",
	},
	Fix: "Give the caller a sidecar: label its namespace or its pod for injection, and restart it, as running pods do not change. Callers that can't have one go through a gateway. Until then, " +
		"a version that is not to be called must not be among the Service's pods.",
	Back:  "The route does not reach this caller. Only taking v2's pods away does, or a selector of the Service that leaves them out.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/", FreshConnections: true,
		Cohorts: []loadgen.Cohort{
			{Name: "with-sidecar", Rate: 250},
			{Name: "without-sidecar", Rate: 100, Entry: loadgen.Plain},
		},
	},
	Canary:       "v2",
	CanaryCohort: "with-sidecar",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "v2 deployed with weight 0",
		Do:     harness.Apply("2-v2.yaml"),
		Breaks: true,
		Prove:  []harness.Proof{harness.Endpoints{Subset: "v2", Want: 1}},
		Expect: []expect.Expectation{
			expect.Share("v1", 100).Of("with-sidecar"), expect.Share("v2", 30).AtLeast().Of("without-sidecar"), expect.NoErrors(),
		},
	}, {
		Name: "canary at 10 %",
		Do:   harness.Apply("3-canary.yaml"),
		Expect: []expect.Expectation{
			expect.Share("v2", 10).Of("with-sidecar"), expect.Share("v2", 30).AtLeast().Of("without-sidecar"), expect.NoErrors(),
		},
	}, {
		Name: "rollback",
		Do:   harness.Rollback{By: harness.Revert("1-baseline.yaml")},
		Expect: []expect.Expectation{
			expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100).Of("with-sidecar"), expect.Share("v2", 30).AtLeast().Of("without-sidecar"), expect.NoErrors(),
		},
	}, {
		Name:   "v2 scaled to 0",
		Do:     harness.ScaleTo{Deployment: "my-service-v2", Replicas: 0},
		Fixes:  true,
		Prove:  []harness.Proof{harness.Endpoints{Subset: "v2", Want: 0}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}},
}
