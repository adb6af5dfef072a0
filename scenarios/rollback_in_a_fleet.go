package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

const (
	// fleetSize is the number of simulated proxies, by 1-baseline.yaml.
	fleetSize = 200
	// fleetWithin is how soon the last of them is to have a rollback. On two quiet cores it took 0.5 to 0.6 s.
	fleetWithin = 2 * time.Second
	// debounceSeen is less than PILOT_DEBOUNCE_AFTER, 100 ms, by what the API server's answer takes.
	debounceSeen = 50 * time.Millisecond
)

// rollbackInAFleet is a rollback where istiod has many to tell. The share is claimed by a bound, which few requests
// decide: nothing here is about it.
var rollbackInAFleet = harness.Scenario{
	Name: "rollback-in-a-fleet",
	Title: "A rollback in a mesh of 200 proxies and 50 Services: no proxy has it within the first 50 ms, as istiod " +
		"waits for more changes, and the last within 2 s",
	Story: "200 proxies more are connected to istiod, each with the whole configuration of the mesh, which has 50 " +
		"more Services. A canary with half of the requests is rolled back by one write. What the callers see is when " +
		"their own proxies have it; the fleet's receipts say when the first of all has it, and when the last.",
	Cause: "Istiod gathers changes: it pushes only when none has come for 100 ms (PILOT_DEBOUNCE_AFTER), or when the " +
		"first has waited for 10 s (PILOT_DEBOUNCE_MAX). Then it works out what is new for one proxy after the " +
		"other, so that the last waits for all before it. Proxies and Services make that longer, processors shorter: " +
		"docs/fleets.md has the model.",
	Source: "debounce in pilot/pkg/xds/discovery.go; DebounceAfter and DebounceMax in pilot/pkg/features/tuning.go",
	See: []string{
		"kubectl -n istio-system logs deploy/istiod | grep 'Push debounce stable': how many changes were gathered, " +
			"and how long they waited.",
		"Istiod's metric pilot_debounce_time. (pilot_proxy_convergence_time, at which people look, begins after that " +
			"wait.)",
	},
	Fix: "Nothing is broken. Where the last proxy is too late: a Sidecar for each namespace, so that istiod has less " +
		"to work out, more processors for istiod, or a shorter PILOT_DEBOUNCE_AFTER, for which docs/fleets.md has " +
		"numbers.",
	Back:      "It is the write of one VirtualService.",
	OnlyIstio: "An HTTPRoute waits in the same way, as istiod gathers changes of all kinds together.",
	Files:     files,
	Load:      everyone(500),
	// At 19 a second, which a busy machine chose, a phase takes a minute: the claims would do, and whoever waits would
	// not.
	LowestRate: 100,
	Canary:     "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Await:  proofs{harness.FleetReady{Proxies: fleetSize}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 40).AtLeast().Foreseen(50).DrawnSingly(), expect.NoErrors()},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Point:    true,
		Prove:    proofs{harness.FleetHolds{Route: "v1 100", Within: fleetWithin, AtLeast: debounceSeen}},
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.NoErrors()},
	}},
}
