package harness

import (
	"time"

	"github.com/canarylab/canarylab/harness/patience"
)

// Every wait of the engine has its bound here. Those that bound a healthy step are several times what was seen
// on two busy cores, so that running into one means that something is broken, or that the machine is slow for
// a reason that is known (package patience).
var (
	// deployWithin covers the first pods of a namespace, on a machine that is still pulling itself up.
	deployWithin = patience.Of(3 * time.Minute)
	// stepWithin covers one change, with the pods that it makes: they were seen ready in 4 to 6 s.
	stepWithin = patience.Of(time.Minute)
	// settleWithin covers a change's way to the proxies: 0.1 s of istiod's debounce, up to 10 s when events keep coming
	// (PILOT_DEBOUNCE_MAX), and up to 30 s until a proxy connects again to an istiod that was away: 18 s were seen.
	settleWithin = patience.Of(time.Minute)
	// awaitWithin covers the facts that become true some time after a change: outlier detection looks once in
	// its interval, and a listener that was replaced ends its connections after 45 s (Istio's drainDuration).
	awaitWithin = patience.Of(time.Minute)
	// istiodWithin covers istiod's start: 2 to 3 s were seen on two busy cores.
	istiodWithin = patience.Of(time.Minute)
	// proveWithin covers one look at proxies, pods or Istio's analysis.
	proveWithin = patience.Of(20 * time.Second)
	// countWithin covers one reading of the sample app's counters: milliseconds.
	countWithin = patience.Of(5 * time.Second)
	// idleWithin is how long pods may take to finish the requests in flight once none comes any more.
	idleWithin = patience.Of(5 * time.Second)
	// warmFor is how long the callers send before the load that counts. The first seconds after a bring-up have a
	// p99 of 110 to 160 ms at 1,000 requests a second, later ones of 6 to 9 ms.
	warmFor = patience.Of(3 * time.Second)
	// beginWithin covers the way from the start of the load agent to its first word.
	beginWithin = patience.Of(20 * time.Second)
	// stopWithin is how long the agent may take to end, beside the timeout of a request in flight.
	stopWithin = patience.Of(10 * time.Second)
	// drainWithin covers the last access log entries: Envoy sends them a fraction of a second after the request.
	drainWithin = patience.Of(10 * time.Second)
	// leaveWithin covers pods that were told to end and say last what they counted: their grace period is 30 s.
	leaveWithin = patience.Of(40 * time.Second)
	// cleanWithin covers the deletion of a namespace: pods take up to their grace period of 30 s.
	cleanWithin = patience.Of(2 * time.Minute)
	// loadMargin is what the load's own safety bound has beside the phases.
	loadMargin = patience.Of(time.Minute)
)

// What belongs to the measurement, or waits for nothing that takes the machine's time, is as long on any machine.
const (
	// minWatch is the least that a settled phase is watched, however soon it has its requests.
	minWatch = 3 * time.Second
	// warmSkips at the beginning of warmFor say nothing of what the machine carries.
	warmSkips = time.Second
	// tryFor is how long a rate is tried. The first trySkips open connections.
	tryFor, trySkips = 2500 * time.Millisecond, 500 * time.Millisecond
	// lateWithin covers log entries that nobody can be sure of. It is several times the tenth of a second in
	// which Envoy sends what it has.
	lateWithin = time.Second
	// joinWithin is how long the live figures wait for the records of a request of which nobody knows how many
	// there are.
	joinWithin = 2 * time.Second
	// clockEvery is how often the wall clock is compared with the monotonic one.
	clockEvery = time.Second
	// pollEvery is the interval at which a fact is polled that sends no events.
	pollEvery = 50 * time.Millisecond
)
