package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// mirrorHurts gives a canary nothing but copies, so that no caller ever gets its answer, and hurts callers all the
// same: what both versions ask is asked twice. The store is no part of the mesh, as most databases are not.
var mirrorHurts = harness.Scenario{
	Name: "mirror-hurts",
	Title: "A canary that gets copies alone, whose answers nobody sees, takes a fourth of the callers' answers " +
		"away: v1 and v2 share a store, and it is asked twice",
	Story: "v2 is tried without a risk: by a mirror it gets a copy of each request, and its answers are thrown " +
		"away. But each version asks a store for its answer, and it is one store. It carries 225 requests a " +
		"second; v1 needs 150 of them, and the copies as many again. A fourth of what is asked is refused, and " +
		"callers, who all have v1, get 502. The mirror is taken out. With copies of a fifth of the requests " +
		"there is room for both.",
	Cause: "A mirror leaves out v2's answer and nothing else. Whatever v2 does for a copy is done: it asks, it " +
		"writes, it holds locks and connections. At 150 requests a second and 200 ms each the store works on 30 " +
		"at once, of 45 that it can. With the copies 60 come, so that 15 of 60 are refused, 25 %, whosoever they " +
		"are. v2's own part of that is in no answer: its proxy's metrics and its logs have it.",
	Source: "TranslateRequestMirrorPolicy in pilot/pkg/networking/core/route/route.go; istio.io, Mirroring (copies " +
		"are fire and forget, their answers are discarded); envoyproxy.io, request_mirror_policies",
	See: []string{
		"kubectl logs deploy/load-client -c istio-proxy: 502 via_upstream, all of them from v1's pod.",
		"kubectl logs deploy/my-service-v2 -c istio-proxy: requests, 502 among them, though the route gives v2 " +
			"nothing. A copy has the id of its request; by its host it is told only where istiod has " +
			"DISABLE_SHADOW_HOST_SUFFIX=false, which appends -shadow to it.",
		"Prometheus: istio_requests_total with reporter=\"destination\" has requests for v2 that nobody sent.",
		"kubectl get virtualservice my-service -o yaml: mirrors, and whether it has a percentage.",
	},
	Fix: "Mirror a share that everything behind the canary can carry besides what it has, and raise it step by " +
		"step. Or give v2 a store of its own; that also keeps its writes apart. Watch the old version's callers " +
		"while you mirror, and not the canary alone.",
	Back: "Apply the VirtualService without the mirror: one kubectl apply. What v2 has begun for a copy goes on " +
		"until it is done.",
	Files: files,
	// The story is what these requests a second and their copies come to at the store.
	LowestRate: 150,
	Load: loadgen.Plan{
		URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 150, Copies: 1}},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "a copy of each request",
		Do:     harness.Apply("2-mirror.yaml"),
		Breaks: true,
		Prove:  proofs{harness.ReadyPods{Version: "v1", Want: 1}, harness.Analysis{}},
		// 15 of 60 are refused. How many of them are callers' and how many copies is up to who comes first.
		Expect: claims{
			expect.Flag(502, "-", 15).AtLeast().Foreseen(25), expect.Flag(502, "-", 40).AtMost().Foreseen(25),
			expect.OnlyErrors(502, "-"), expect.Share("v2", 0),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.FailAtMost(75), // half of what is sent in a second
			expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors(),
		},
	}, {
		Name:   "a copy of each request again",
		Do:     harness.Apply("2-mirror.yaml"),
		Repeat: true,
		Expect: claims{expect.Flag(502, "-", 15).AtLeast().Foreseen(25)},
	}, {
		Name:   "a copy of every fifth request",
		Do:     harness.Apply("3-mirror-some.yaml"),
		Fixes:  true,
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}},
}
