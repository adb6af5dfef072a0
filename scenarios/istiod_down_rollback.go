package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// istiodDownRollback needs the rollback just when istiod is away. It takes istiod from the whole mesh, so that
// it is played only where the mesh is the lab's; the engine brings istiod back whatever happens.
var istiodDownRollback = harness.Scenario{
	Name:  "istiod-down-rollback",
	Title: "Without istiod the API server denies the rollback, and the canary keeps its share until istiod is back",
	Story: "The canary has half of the requests when istiod goes away. Traffic flows on as it was. The canary is " +
		"to be taken back: the API server denies the write, as Istio's webhook does not answer. Nothing that can " +
		"be done to the route has any effect. Istiod comes back. The first change after it may take some " +
		"seconds, until the proxies are connected again. Then a rollback takes a fraction of a second.",
	Cause: "Proxies keep what they have and go on without istiod. But a VirtualService has to pass Istio's " +
		"validating webhook, which the API server asks before it stores one and which is istiod itself: istiod " +
		"sets its failurePolicy to Fail once it runs, so that no istiod means no change. Where failurePolicy is " +
		"Ignore, the route lies in the API server, and no proxy hears of it until istiod is back. Endpoints are " +
		"frozen too: if v2 were scaled to 0 now, its share would go on to pods that are gone.",
	Source: "pkg/webhooks/validation/controller (istiod sets failurePolicy to Fail); pilot/pkg/xds (proxies keep " +
		"their configuration without a connection)",
	See: []string{
		"kubectl get pods -n istio-system: no istiod.",
		"What an apply of any VirtualService says: failed calling webhook validation.istio.io.",
		"kubectl logs deploy/load-client -c istio-proxy: connected to delta upstream XDS server, once istiod is back.",
	},
	Fix: "Run istiod with more than one replica and a PodDisruptionBudget, and see that it is ready before a " +
		"canary is promoted. In the outage: bring istiod back first; everything else waits for it.",
	Back: "None until istiod is back. Then by the route as ever, some seconds later at first: a proxy tries " +
		"again at growing intervals.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 50 %",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 50), expect.NoErrors()},
	}, {
		Name:   "istiod gone",
		Do:     harness.StopIstiod{},
		Breaks: true,
		Prove:  proofs{harness.Denied{Of: harness.Revert("1-baseline.yaml"), With: "failed calling webhook"}},
		Expect: claims{expect.Share("v2", 50), expect.NoErrors()},
	}, {
		Name:   "istiod back",
		Do:     harness.StartIstiod{},
		Fixes:  true,
		Expect: claims{expect.Share("v2", 50), expect.NoErrors()},
	}, {
		// It is there once every proxy is connected again: Envoy tries at intervals that grow to 30 s at most.
		// In ten runs without it the rollback met four that were not: 0.6 to 4.7 s in place of 0.1.
		Name:   "first change after it",
		Do:     harness.Apply("3-less.yaml"),
		Expect: claims{expect.Share("v2", 10), expect.NoErrors()},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect:   claims{expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100), expect.NoErrors()},
	}},
}
