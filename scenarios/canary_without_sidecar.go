package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// canaryWithoutSidecar takes the sidecar from the canary and not from the callers, and shows what is lost by
// that and what is not. It also shows when a label of the namespace counts: when a pod is made, and at no other
// time.
var canaryWithoutSidecar = harness.Scenario{
	Name: "canary-without-sidecar",
	Title: "A canary without a sidecar still gets its share, until somebody asks for mutual TLS; the namespace's " +
		"label counts only when a pod is made",
	Story: "The label that makes Istio add a sidecar (its proxy) to new pods is removed from the namespace: " +
		"running pods keep theirs, so nothing changes. v2 is restarted and has no sidecar any more. It still " +
		"gets exactly 10 %, but these requests are not encrypted, and no proxy on v2's side logs them. A " +
		"DestinationRule asks for mutual TLS, and v2's share fails. The label comes back: nothing changes. v2 is " +
		"restarted, has its sidecar, and the same rules work, because v2 can speak mutual TLS again.",
	Cause: "The callers' proxies apply the weights; the pod that they call needs no proxy for that. By default " +
		"(auto mTLS) Istio chooses for each pod: mutual TLS to pods with a sidecar, plain HTTP to the others. A " +
		"tls mode in a DestinationRule replaces that choice: the caller's proxy sends TLS to an app that speaks " +
		"only plain HTTP, retries twice, and gives up with 503 and the flags UF (could not connect) and URX " +
		"(retries used up). The API server asks Istio's webhook when a pod is created, and only then is a " +
		"sidecar added, so that labels do nothing to running pods.",
	Source: "pilot/pkg/xds/endpoints/mtls_checker.go (TLS by endpoint); pkg/kube/inject (the webhook looks at " +
		"pods that are created)",
	See: []string{
		"kubectl get pods -l version=v2: READY says 1/1 where a pod with a sidecar says 2/2.",
		"kubectl get namespace canary-without-sidecar --show-labels",
		"kubectl logs deploy/load-client -c istio-proxy: 503 URX,UF with TLS_error WRONG_VERSION_NUMBER: the " +
			"answer to TLS was none.",
		"istioctl analyze: IST0102 (the namespace has no label) while the label is off, and IST0103 (a pod lacks " +
			"its sidecar) once it is back and v2 is not restarted yet.",
	},
	Fix: "Label the namespace (or the pod), then kubectl rollout restart. Set no tls mode in DestinationRules " +
		"inside the mesh: auto mTLS does what is right for each pod.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. It works although v2 has no " +
		"sidecar, because the callers' proxies decide.",
	OnlyIstio: "The story breaks by a DestinationRule's TLS mode, which the Gateway API lacks in the " +
		"mesh.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  proofs{harness.Sidecars{Version: "v2", Want: 1}, harness.Analysis{}},
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "label taken off",
		Do:     harness.Apply("2-no-injection.yaml"),
		Prove:  proofs{harness.Sidecars{Version: "v2", Want: 1}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "v2 restarted",
		Do:     harness.Restart{Deployment: "my-service-v2"},
		Breaks: true,
		Prove: proofs{
			harness.Sidecars{Version: "v2", Want: 0}, harness.Endpoints{Subset: "v2", Want: 1},
			harness.Analysis{Code: "IST0102"},
		},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 10 %",
		Do:     harness.Apply("3-canary.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:   "mutual TLS asked for",
		Do:     harness.Apply("4-mutual-tls.yaml"),
		Point:  true,
		Expect: claims{expect.Flag(503, "UF,URX", 10), expect.OnlyErrors(503, "UF,URX"), expect.Share("v1", 90)},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "label put back",
		Do:     harness.Apply("5-injection.yaml"),
		Prove:  proofs{harness.Sidecars{Version: "v2", Want: 0}, harness.Analysis{Code: "IST0103"}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "v2 restarted again",
		Do:     harness.Restart{Deployment: "my-service-v2"},
		Fixes:  true,
		Prove:  proofs{harness.Sidecars{Version: "v2", Want: 1}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 10 % again",
		Do:     harness.Apply("6-canary-again.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.Share("v1", 90), expect.NoErrors()},
	}},
}
