package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// timeoutSlowCanary has a canary that is right and slow, under a timeout that was made for the old version. How much of
// it fails follows from how its answers are spread.
var timeoutSlowCanary = harness.Scenario{
	Name: "timeout-slow-canary",
	Title: "A timeout that fits v1 cuts off the slow part of a canary's answers: 504 UT for callers, while v2 " +
		"counts no error at all",
	Story: "The route has a timeout of 0.3 s, which v1 never came near. v2 takes 150 ms for an answer on " +
		"average, and some take much longer. It gets half of the requests, and an eighth of its share ends " +
		"with 504. v2 itself is well: it answers all that is not taken from it, and counts no error. The route " +
		"is taken back, gets a timeout that fits, and the same canary fails nobody.",
	Cause: "The timeout of a VirtualService's rule is kept by the caller's proxy, from the end of the request " +
		"to the end of the answer, with all retries in it. When it is over the proxy answers 504 with the flag " +
		"UT, and takes the request from the pod, whose own proxy logs status 0 with the flag DC: the other " +
		"side hung up. That is no 5xx, so that what the canary's own metrics say of errors stays at none. How " +
		"many it hits is the tail of the answers' times: here they are spread exponentially, and " +
		"exp(-0.3/0.15) = 13.5 % take longer. A mean says nothing of that. Without a timeout in the rule there " +
		"is none.",
	Source: "setTimeout in pilot/pkg/networking/core/route/route.go (none by default); envoyproxy.io, route " +
		"timeouts and x-envoy-upstream-rq-timeout-ms, response flags UT and DC",
	See: []string{
		"kubectl logs deploy/load-client -c istio-proxy: 504 UT response_timeout, and a time of 300 ms each.",
		"kubectl logs deploy/my-service-v2 -c istio-proxy: 0 DC downstream_remote_disconnect for the same " +
			"request ids.",
		"kubectl get virtualservice my-service -o yaml: timeout, in the rule.",
		"Prometheus: istio_requests_total with reporter=\"destination\" has response_code=\"0\" for them; a " +
			"gate that asks the canary for 5xx finds none.",
	},
	Fix: "Compare the timeout with the slow end of the canary's answers before it gets a share, not with their " +
		"mean. Give the rule a timeout that both versions fit, or have v2 made as quick as v1. A retry does " +
		"not help: it has no time of its own.",
	Back:   "Apply a VirtualService that sends everything to v1: one kubectl apply.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 50 %",
		Do:     harness.Apply("2-canary.yaml"),
		Breaks: true,
		Prove: proofs{
			harness.Endpoints{Subset: "v2", Want: 1}, harness.ReadyPods{Version: "v2", Want: 1}, harness.Analysis{},
		},
		// exp(-0.3/0.15) = 13.5 % of v2's answers take longer, which has half of the requests.
		Expect: claims{
			expect.Flag(504, "UT", 6.8), expect.OnlyErrors(504, "UT"), expect.Share("v1", 50),
			expect.AttemptStatus("v2", 0, 13.5), expect.AttemptStatus("v2", 504, 0),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "a timeout that fits",
		Do:     harness.Apply("3-timeout.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 50 % again",
		Do:     harness.Apply("4-canary-again.yaml"), // the timeout is in the rule that this writes
		Fixes:  true,
		Expect: claims{expect.Share("v2", 50), expect.Share("v1", 50), expect.NeverFails()},
	}},
}
