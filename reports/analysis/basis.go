package analysis

import "time"

// A Basis is what a verdict can rest on beside the accounting, on which all rest. A Problem that is the machine's
// shakes one: verdicts that rest on it are void, and others stand.
type Basis string

// The bases.
const (
	// OnTime: each request was sent when it was due, and those who answered got a processor when they asked for one. A
	// load agent that waits for a processor sends some late, and those that waited together. That changes how long
	// answers take, when what happens is seen, which requests are sent while a change is under way, and what depends on
	// how many are under way at once. It does not change what a proxy draws for each request by itself.
	OnTime Basis = "on-time"
	// AtRate: as many requests a second were sent as planned. A lighter load may spare a service errors.
	AtRate Basis = "at-rate"
	// OneClock: the lab's clocks stayed together. The bounds of phases are by one process' clock and requests by
	// another's, so that even a phase's counts rest on it.
	OneClock Basis = "one-clock"
)

// bases are all, in the order in which they are told.
var bases = []Basis{OnTime, AtRate, OneClock}

// Bases are all that there are.
func Bases() []Basis { return bases[:len(bases):len(bases)] }

// String says in words what rests on it.
func (b Basis) String() string {
	switch b {
	case OnTime:
		return "requests that were sent when they were due"
	case AtRate:
		return "as many requests a second as planned"
	case OneClock:
		return "clocks that stayed together"
	}
	return "numbers that can be trusted"
}

// Remedy says what to do where the basis was shaken, and nothing is known of why.
func (b Basis) Remedy() string {
	if b == OneClock {
		return "play it again, and let nobody set the clock"
	}
	return "play it again with nothing else running, or at a lower rate (--rate)"
}

// Shaken are the problems that shake the basis.
func (b Accounting) Shaken(basis Basis) []Problem {
	var all []Problem
	for _, p := range b.Problems {
		if p.Basis == basis && basis != "" {
			all = append(all, p)
		}
	}
	return all
}

// Lateness is how much later than due the latest request was sent.
func (b Accounting) Lateness() time.Duration {
	worst := time.Duration(0)
	for _, p := range b.Pace {
		worst = max(worst, p.LagMax)
	}
	return worst
}

// OnTime tells whether the requests of a cohort, or those of each where cohort is empty, were sent when they were due
// while the change was on its way: all but one of 100 within MaxLagP99, the limit for a whole run, and all but one of
// fewer. An agent that stands still for much longer than the time from one request to the next makes two late. Those
// count that were due then or sent then.
func (o Observation) OnTime(cohort string) bool {
	for name, late := range o.Late {
		if (cohort == "" || name == cohort) && late > 1 && 100*late > o.Transition.Cohorts[name].Requests {
			return false
		}
	}
	return true
}
