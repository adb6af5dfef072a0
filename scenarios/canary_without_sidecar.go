package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// canaryWithoutSidecar takes the sidecar from the canary and not from the callers, and shows what is lost by that and what is not. It also shows when
// a label of the namespace counts: when a pod is made, and at no other time.
var canaryWithoutSidecar = harness.Scenario{
	Name:  "canary-without-sidecar",
	Title: "A canary without a sidecar still gets its weight, until somebody asks for mutual TLS; the namespace's label counts only when a pod is made",
	Story: "The label for injection goes off the namespace: nothing happens. v2 is restarted and has no sidecar any more. Its 10 % are kept to the letter, without encryption and without a log of " +
		"its own. A DestinationRule asks for mutual TLS, and v2's share fails. The label comes back: nothing happens. v2 is restarted, has its sidecar, and the same rules work.",
	Cause: "Weights are applied by the callers' proxies, which don't need one at the other end. By auto mTLS they send TLS to endpoints with a sidecar and plaintext to the others, endpoint by endpoint. A tls mode in a " +
		"DestinationRule overrides that: the caller's proxy sends TLS to an app that speaks plaintext, retries twice, and gives up: 503 with response flags UF and URX. Injection is done by a webhook when a " +
		"pod is created.",
	Source: "pilot/pkg/xds/endpoints/mtls_checker.go (TLS by endpoint); pkg/kube/inject (the webhook looks at pods that are created)",
	See: []string{
		"kubectl get pods -l version=v2: READY says 1/1 where a pod with a sidecar says 2/2.",
		"kubectl get namespace canary-without-sidecar --show-labels",
		"istioctl proxy-config endpoints deploy/load-client | grep v2; the caller's log has UF with TLS_error WRONG_VERSION_NUMBER.",
		"istioctl analyze: IST0103 for a pod that lacks a sidecar in a namespace that has the label.",
	},
	Fix:   "Label the namespace (or the pod), then kubectl rollout restart. Set no tls mode in DestinationRules inside the mesh: auto mTLS does what is right for each pod.",
	Back:  "By the route, in one write: the callers' proxies decide.",
	Files: files,
	Load: loadgen.Plan{
		URL:     "http://my-service/",
		Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 500}},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Prove:  []harness.Proof{harness.Sidecars{Version: "v2", Want: 1}, harness.Diagnosis{}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "label taken off",
		Do:     harness.Apply("2-no-injection.yaml"),
		Prove:  []harness.Proof{harness.Sidecars{Version: "v2", Want: 1}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "v2 restarted",
		Do:     harness.Restart{Deployment: "my-service-v2"},
		Breaks: true,
		Prove:  []harness.Proof{harness.Sidecars{Version: "v2", Want: 0}, harness.Endpoints{Subset: "v2", Want: 1}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 10 %",
		Do:     harness.Apply("3-canary.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:   "mutual TLS asked for",
		Do:     harness.Apply("4-mutual-tls.yaml"),
		Expect: []expect.Expectation{expect.Flag(503, "UF,URX", 10), expect.OnlyErrors(503, "UF,URX"), expect.Share("v1", 90)},
	}, {
		Name:   "rollback",
		Do:     harness.Rollback{By: harness.Revert("1-baseline.yaml")},
		Expect: []expect.Expectation{expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "label put back",
		Do:     harness.Apply("5-injection.yaml"),
		Prove:  []harness.Proof{harness.Sidecars{Version: "v2", Want: 0}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "v2 restarted again",
		Do:     harness.Restart{Deployment: "my-service-v2"},
		Fixes:  true,
		Prove:  []harness.Proof{harness.Sidecars{Version: "v2", Want: 1}},
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 10 % again",
		Do:     harness.Apply("6-canary-again.yaml"),
		Expect: []expect.Expectation{expect.Share("v2", 10), expect.Share("v1", 90), expect.NoErrors()},
	}},
}
