package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/sampleapp"
)

// retriesMaskCanary looks at a bad canary from three sides: its callers, its own pods, and what it costs. Its twin
// without retries shows the same canary as its callers would meet it.
var retriesMaskCanary = harness.Scenario{
	Name: "retries-mask-canary",
	Title: "Retries hide a canary that fails 30 % of its requests: callers see 0.2 %, its pods get 1.4 times " +
		"the load, and its own metrics tell",
	Story: "The route has always sent again what failed, up to three times. v2 has 20 % of the requests and " +
		"begins to answer 30 % of them with 503. Its callers hardly notice. Its own pods do: 30 % of what they " +
		"are asked fails, and they are asked 1.4 times for each request. The retries are taken out, and the " +
		"same canary fails 6 % of all requests. It is rolled back, healed, and well without a retry.",
	Cause: "A retry is made by the caller's proxy, and only its last answer gets to the caller. The subset is " +
		"chosen once for a request, so that all of its attempts go to v2: of p = 30 % failures three retries " +
		"leave p⁴ = 0.8 % of v2's share, and make (1 - p⁴)/(1 - p) = 1.42 attempts of each request. A rate of " +
		"errors at the callers, or at a gateway, is a rate after retries. By default Istio retries twice what " +
		"could not connect or was refused, and no 503 of an app's.",
	Source: "ConvertPolicy in pilot/pkg/networking/core/route/retry/retry.go (attempts is Envoy's num_retries, " +
		"beside the first one; the default's retry_on has no 5xx); envoyproxy.io, HTTP retries",
	See: []string{
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET clusters | grep 'v2.*rq_': " +
			"rq_error counts what failed, a retry or not, and rq_total goes faster than callers ask.",
		"kubectl logs deploy/my-service-v2 -c istio-proxy: a 503 for each failed attempt; several have one " +
			"request id.",
		"kubectl logs deploy/load-client -c istio-proxy: hardly a 503, and those with the flag URX: all " +
			"retries used up.",
		"Prometheus: istio_requests_total with reporter=\"destination\" and the canary's version has every " +
			"attempt, with reporter=\"source\" only what callers got.",
	},
	Fix: "Judge a canary by what its own pods answer, and not by its callers alone. Alert on its rate of " +
		"attempts, and on the flag URX. Try a new version without retries, or with one.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. A request that is being " +
		"retried ends at v2.",
	OnlyIstio: "Retries are in the Gateway API's experimental channel alone, which most clusters lack.",
	Files:     files,
	Load:      everyone(500),
	Canary:    "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "canary at 20 %",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 20), expect.Attempts("v2", 1), expect.NeverFails()},
	}, {
		Name:   "v2 fails 30 %",
		Do:     harness.Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 0.3, ErrorCode: 503}},
		Breaks: true,
		Prove:  proofs{harness.ReadyPods{Version: "v2", Want: 1}, harness.Analysis{}},
		// Of each request of v2's four attempts fail with 0.3⁴ = 0.81 %, which is 0.16 % of all; it takes
		// (1 - 0.3⁴)/(1 - 0.3) = 1.417 of them.
		Expect: claims{
			expect.AttemptStatus("v2", 503, 30), expect.Attempts("v2", 1.417),
			expect.Status(503, 1).AtMost().Foreseen(0.16).DrawnSingly(), expect.Share("v1", 80),
		},
	}, {
		Name:   "without retries",
		Do:     harness.Apply("3-no-retries.yaml"),
		Expect: claims{expect.Flag(503, "-", 6), expect.OnlyErrors(503, "-"), expect.Attempts("v2", 1)},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 100), // as in a second
			expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors(),
		},
	}, {
		Name:   "v2 healed",
		Do:     harness.Inject{Version: "v2"},
		Fixes:  true,
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 20 % again",
		Do:     harness.Apply("3-no-retries.yaml"),
		Expect: claims{expect.Share("v2", 20), expect.AttemptStatus("v2", 503, 0), expect.NeverFails()},
	}},
}
