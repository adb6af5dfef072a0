package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// clientWithoutSidecar has two callers side by side, one with a sidecar and one without. They call the same
// host and live in two different worlds.
//
// A Service deals out connections and not requests, so that each request has a connection of its own: otherwise
// one draw of the lots would decide for a whole caller.
var clientWithoutSidecar = harness.Scenario{
	Name: "client-without-sidecar",
	Title: "A caller without a sidecar gets the canary as soon as the canary's pod is ready, whatever the " +
		"weights say, and no change of the route stops that",
	Labels: []string{harness.Core},
	Story: "Two callers send to my-service: one has a sidecar, the other has none (a cron job, an agent on a " +
		"node, a namespace without injection). v2 is deployed with weight 0: the caller with a sidecar gets only " +
		"v1, the caller without one gets about half of its answers from v2. The weight of v2 goes to 10 %: the " +
		"first sees 10 %, the second still about half. The route goes back to v1: the first is back on v1, the " +
		"second is not. v2 is scaled to 0 pods: now neither gets v2.",
	Cause: "Istio turns a VirtualService into routing rules for the caller's own proxy. A caller without a proxy " +
		"connects to the Service's address, and for each new connection kube-proxy on its node picks one of the " +
		"Service's ready pods: with one pod of each version that is half and half. (By chance in its modes " +
		"iptables and nftables; IPVS takes turns, and other data planes have rules of their own. Here every " +
		"request opens a new connection; a client that keeps its connection stays on one version.) The sidecar " +
		"of the pod that is called does not choose a version: it hands the request to its own app.",
	Source: "BuildSidecarVirtualHostWrapper in pilot/pkg/networking/core/route/route.go builds routes for " +
		"outbound traffic only; kube-proxy, service.spec.sessionAffinity None",
	See: []string{
		"kubectl get pods -o jsonpath='{range .items[*]}{.metadata.name}{\" \"}{.spec.initContainers[*].name}{\" " +
			"\"}{.spec.containers[*].name}{\"\\n\"}{end}': who has an istio-proxy.",
		"istioctl proxy-status: the caller is not in the list.",
		"kubectl get namespace -L istio-injection,istio.io/rev: where injection is on.",
		"istioctl analyze: nothing of a pod that opted out (sidecar.istio.io/inject: \"false\").",
	},
	Fix: "Give the caller a sidecar: label its namespace or its pod template for injection, then restart its " +
		"pods, because a sidecar is added only to new pods. Callers that can't have one come through a gateway " +
		"that the VirtualService names. Until then, don't run pods of a version that must not get calls yet, or " +
		"give them labels that the Service's selector does not match.",
	Back: "A new route does not reach this caller. Apply the route to v1 first, for callers with a sidecar; then " +
		"scale v2 to 0, or change the Service's selector so that it leaves v2's pods out.",
	Files:        files,
	Load:         withAndWithoutSidecar,
	Canary:       "v2",
	CanaryCohort: "with-sidecar",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "v2 deployed with weight 0",
		Do:     harness.Apply("2-v2.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 1}, harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 35).AtLeast().Foreseen(50).DrawnSingly().Of("without-sidecar"),
			expect.Share("v2", 65).AtMost().Foreseen(50).DrawnSingly().Of("without-sidecar"),
			expect.Share("v1", 100).Of("with-sidecar"), expect.NoErrors(),
		},
	}, {
		Name: "canary at 10 %",
		Do:   harness.Apply("3-canary.yaml"),
		Expect: claims{
			expect.Share("v2", 10).Of("with-sidecar"),
			expect.Share("v2", 35).AtLeast().Foreseen(50).DrawnSingly().Of("without-sidecar"),
			expect.Share("v2", 65).AtMost().Foreseen(50).DrawnSingly().Of("without-sidecar"), expect.NoErrors(),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.Share("v1", 100).Of("with-sidecar"),
			expect.Share("v2", 35).AtLeast().Foreseen(50).DrawnSingly().Of("without-sidecar"),
			expect.Share("v2", 65).AtMost().Foreseen(50).DrawnSingly().Of("without-sidecar"), expect.NoErrors(),
		},
	}, {
		Name:   "v2 scaled to 0",
		Do:     harness.ScaleTo{Deployment: "my-service-v2", Replicas: 0},
		Fixes:  true,
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 0}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}},
}
