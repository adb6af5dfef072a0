package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// faultInjectionBypassesPolicy tests retries and a timeout by faults of the route, and finds them missing though they
// are there. Its twin injects the same fault at the other side, where the policy can see it.
var faultInjectionBypassesPolicy = harness.Scenario{
	Name: "fault-injection-bypasses-policy",
	Title: "A fault of the route's rule never gets to the retries and the timeout beside it: a test by it fails " +
		"30 % of all requests, where 30 % of v2's own failures cost 0.2 %",
	Story: "The route sends again what fails, and v2 has 20 %. Before it gets more, somebody tests what the " +
		"retries are worth, by a fault in the same rule: 30 % get 503. All of these fail, v1's share too, and v2 " +
		"hears nothing of it. Then a timeout of 0.3 s is tested by a delay of 0.6 s: the callers wait for 0.6 s, " +
		"and none is cut off. The route is taken back. The same 503 is put in front of v2 itself, into its own " +
		"proxy, and the retries turn it into 0.2 %.",
	Cause: "A fault of a VirtualService is made by the caller's proxy, by a filter that stands before the " +
		"router. Retries, timeouts, connection pools and outlier detection are the router's and the cluster's: " +
		"they deal with what comes back from a pod, and an aborted request never goes to one. It is drawn for " +
		"the rule, before a version is chosen. So such a test says what callers make of an error, and nothing of " +
		"the policies beside it.",
	Source: "TranslateFault in pilot/pkg/networking/core/route/route.go (a fault filter's configuration of the " +
		"route), pilot/pkg/networking/core/listener_builder.go (the filter comes before the router); istio.io, " +
		"fault in the VirtualService API, and Traffic Management Problems, \"Virtual service with fault injection " +
		"and retry/timeout policies not working as expected\"; istio/istio#13705",
	See: []string{
		"kubectl logs deploy/load-client -c istio-proxy: 503 FI fault_filter_abort, and no address of a pod. A " +
			"held request has the flag DI.",
		"kubectl logs deploy/my-service-v2 -c istio-proxy: no 503 at all.",
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET clusters | grep 'v2.*rq_': " +
			"rq_total goes as fast as callers get v2, and rq_error stays where it is.",
	},
	Fix: "Put the fault on the other side of the policy: into the app, into a stand-in for v2, or by an " +
		"EnvoyFilter into the proxy of v2's pods, as here. Test one policy at a time, and look at the attempts " +
		"that arrive and not at the callers alone.",
	Back:      "Apply the VirtualService without the fault: one kubectl apply.",
	OnlyIstio: "The Gateway API can't inject faults.",
	Files:     files,
	Load:      everyone(500),
	Canary:    "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 20 %",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 20), expect.Attempts("v2", 1), expect.NeverFails()},
	}, {
		Name:   "30 % aborted by the route",
		Do:     harness.Apply("3-abort.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{}},
		// The versions share what is left: 70 % of 80 %, and of 20 %.
		Expect: claims{
			expect.Flag(503, "FI", 30), expect.OnlyErrors(503, "FI"), expect.Share("v1", 56), expect.Share("v2", 14),
			expect.Attempts("v2", 1), expect.AttemptStatus("v2", 503, 0),
		},
	}, {
		Name: "30 % held by the route",
		Do:   harness.Apply("4-delay.yaml"),
		// Those that are held are answered after 0.6 s, twice the timeout, and none gets 504.
		Expect: claims{
			expect.NoErrors(), expect.AnsweredWithin(50, 300*time.Millisecond), expect.AnsweredWithin(100, time.Second),
			expect.Share("v2", 20),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.Untouched("v2"), expect.NeverFails(),
		},
	}, {
		Name:   "30 % aborted at v2",
		Do:     harness.Apply("5-fault-at-v2.yaml"),
		Fixes:  true,
		Expect: claims{expect.Share("v1", 100), expect.NeverFails()},
	}, {
		Name: "canary at 20 % again",
		Do:   harness.Apply("2-canary.yaml"),
		// Of each request of v2's four attempts fail with 0.3⁴ = 0.81 %, which is 0.16 % of all; it takes
		// (1 - 0.3⁴)/(1 - 0.3) = 1.417 of them.
		Expect: claims{
			expect.AttemptStatus("v2", 503, 30), expect.Attempts("v2", 1.417),
			expect.Status(503, 1).AtMost().Foreseen(0.16).DrawnSingly(), expect.Share("v1", 80),
		},
	}},
}
