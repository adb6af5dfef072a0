package scenarios

import (
	"fmt"
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
		"be done to the route has any effect. Istiod comes back, and the rollback is the first write after it: " +
		"it takes a fraction of a second, or many seconds where a proxy is not connected again yet. All of it " +
		"happens three times, to show the spread.",
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
	Back: "None until istiod is back. Then by the route as ever, up to half a minute later at first: a " +
		"proxy tries again at growing intervals.",
	OnlyIstio: "Nobody asks istiod about an HTTPRoute before it is stored: without istiod the rollback " +
		"is accepted, and no proxy gets it.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: istiodPhases(),
}

// outages is how often istiod goes away: how long the first rollback after it takes is a matter of chance.
const outages = 3

// istiodPhases are the outages, one after the other. Each ends with a rollback, the first write after istiod is back.
func istiodPhases() []harness.Phase {
	all := []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}}
	for n := range outages {
		name := func(phase string) string { return fmt.Sprintf("%s, %d", phase, n+1) }
		all = append(all, harness.Phase{
			Name:   name("canary at 50 %"),
			Do:     harness.Apply("2-canary.yaml"),
			Repeat: n > 0,
			Expect: claims{expect.Share("v2", 50), expect.NoErrors()},
		}, harness.Phase{
			Name:   name("istiod gone"),
			Do:     harness.StopIstiod{},
			Breaks: n == 0,
			Repeat: n > 0,
			Prove:  proofs{harness.Denied{Of: harness.Revert("1-baseline.yaml"), With: "failed calling webhook"}},
			Expect: claims{expect.Share("v2", 50), expect.NeverFails()},
		}, harness.Phase{
			Name:   name("istiod back"),
			Do:     harness.StartIstiod{},
			Fixes:  n == 0,
			Repeat: n > 0,
			Expect: claims{expect.NeverFails()},
		}, harness.Phase{
			// A proxy tries to connect again at intervals that grow to 30 s at most. Of thirteen rollbacks eight met
			// proxies that were all connected and took 0.1 s; the others took 0.6 to 18 s.
			Name:     name("rollback"),
			Do:       harness.Revert("1-baseline.yaml"),
			Rollback: true,
			Repeat:   n > 0,
			Expect:   claims{expect.RecoveredWithin(35 * time.Second), expect.Share("v1", 100), expect.NoErrors()},
		})
	}
	return all
}
