package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// fleetSize is the number of simulated proxies, by 1-baseline.yaml.
const fleetSize = 200

// fleetWithin is how soon the last of them is to have a rollback.
const fleetWithin = 2 * time.Second

// debounceMost is PILOT_DEBOUNCE_MAX, and a part of it for the push.
const debounceMost = 12 * time.Second

// heldBack is how late the first proxy is at least while others write: twice PILOT_DEBOUNCE_AFTER. In four runs beside
// compilers it was 346 to 730 ms late, as the writes stood still for 100 ms soon; without the writes it was 99 to 129.
const heldBack = 200 * time.Millisecond

// debounceSeen is less than PILOT_DEBOUNCE_AFTER, 100 ms, by what the API server's answer takes.
const debounceSeen = 50 * time.Millisecond

// fleetCanary is claimed by a bound, which few requests decide: nothing here is about the share.
var fleetCanary = claims{expect.Share("v2", 40).AtLeast().Foreseen(50).DrawnSingly(), expect.NoErrors()}

// rollbackInAFleet is a rollback that is held back by what others write. The writes begin when istiod has been quiet,
// and so does its wait of 10 s at most: the rollback is written some 4 s later, well before the end of that.
var rollbackInAFleet = harness.Scenario{
	Name: "rollback-in-a-fleet",
	Title: "A rollback waits for a tenth of a second without any change in the mesh: where others write all the " +
		"time, it reaches the proxies up to 10 s late",
	Story: "200 proxies more are connected to istiod, and the mesh has 50 more Services. A canary with half of the " +
		"requests is rolled back, and all proxies have that in a fraction of a second. Then a program of another " +
		"team's begins to write, 25 times a second, about a host that no proxy here sees. The same rollback now " +
		"waits until these writes happen to pause for 100 ms, for every proxy of the mesh, although istiod has next " +
		"to nothing to do: for 10 s at most, and for some tenths of a second on a lab's busy node, where the writes " +
		"pause soon. Once the program is stopped, the rollback is quick again.",
	Cause: "Istiod gathers changes: it pushes only when none has come for 100 ms (PILOT_DEBOUNCE_AFTER), or when the " +
		"first has waited for 10 s (PILOT_DEBOUNCE_MAX). Every change of an Istio object, a Service or an endpoint " +
		"in the cluster counts, whether any proxy sees it or not. The larger a mesh, the seldomer are 100 ms without " +
		"a change. A Sidecar, which saves istiod most of a push's work, does not help: the wait comes before that.",
	Source: "debounce in pilot/pkg/xds/discovery.go; DebounceAfter and DebounceMax in pilot/pkg/features/tuning.go",
	See: []string{
		"kubectl -n istio-system logs deploy/istiod | grep 'Push debounce stable': how many changes were gathered, " +
			"and how long they waited.",
		"Istiod's metric pilot_debounce_time. (pilot_proxy_convergence_time, at which people look, begins after that " +
			"wait.)",
		"kubectl get serviceentries,virtualservices,endpointslices -A -w: who writes all the time.",
	},
	Fix: "Find out what writes all the time, and have it write less often or in batches. Lower PILOT_DEBOUNCE_MAX on " +
		"istiod, to 1 s for instance: it then pushes more often, for which docs/fleets.md has numbers.",
	Back: "It is the write of one VirtualService. All proxies have it within a fraction of a second while nobody " +
		"else writes, and after up to 10 s otherwise.",
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
		Expect: fleetCanary,
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Prove:    proofs{harness.FleetHolds{Route: "v1 100", Within: fleetWithin, AtLeast: debounceSeen}},
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary again",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: fleetCanary,
	}, {
		Name:   "others write",
		Do:     harness.Churn{File: "3-others.yaml", Every: 40 * time.Millisecond},
		Breaks: true,
		// No claim about requests: the phase is to be as short at any rate, so that the wait is still at its beginning.
		Prove: proofs{harness.FleetReady{Proxies: fleetSize}},
	}, {
		Name:     "rollback while others write",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Point:    true,
		Prove:    proofs{harness.FleetHolds{Route: "v1 100", Within: debounceMost, AtLeast: heldBack}},
		Expect:   claims{expect.RecoveredWithin(debounceMost), expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "others are quiet",
		Do:     harness.Calm{},
		Fixes:  true,
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary once more",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: fleetCanary,
	}, {
		Name:     "rollback once more",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Prove:    proofs{harness.FleetHolds{Route: "v1 100", Within: fleetWithin, AtLeast: debounceSeen}},
		Expect:   claims{expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.NoErrors()},
	}},
}
