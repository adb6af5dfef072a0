package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
)

// RecoveredWithin claims that d after the API server accepted a rollback at the latest, no request is routed
// the old way any more. It is judged by the upper end of the bracket of the route time (see reports.Rollback),
// so that a coarse clock can't pass it by luck.
func RecoveredWithin(d time.Duration) recoveredWithin { return recoveredWithin{d} }

type recoveredWithin struct{ within time.Duration }

// Cohort implements Expectation. The phase says which cohort its clock watches.
func (recoveredWithin) Cohort() string { return "" }

// Need implements Expectation: enough settled requests to see that nothing comes after the last affected request, for a
// canary that had 1 % or more.
func (recoveredWithin) Need() int { return requests(0) }

// Requires says that the phase has to roll back.
func (recoveredWithin) Requires() Requirement { return Requirement{Rollback: true} }

// String implements Expectation.
func (r recoveredWithin) String() string {
	return "the rollback is effective within " + r.within.String()
}

// Validate tells whether the claim makes sense.
func (r recoveredWithin) Validate() error { return positive(r, r.within) }

// Check implements Expectation.
func (r recoveredWithin) Check(o reports.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "recovered-within", Want: r.String(), Outcome: reports.Inconclusive}
	b := o.Rollback
	if b == nil {
		v.Saw, v.Why = "no rollback", noRollback
		return v
	}
	v.Saw = b.String()
	switch {
	case b.Route > r.within:
		v.Outcome = reports.Fail
		v.Why = fmt.Sprintf("an affected request was sent %s after the write was accepted",
			b.Route.Round(time.Millisecond))
	case !b.Known():
		v.Why = "no request was affected before the rollback, so that its end can't be seen"
	case o.SettledAt.IsZero():
		v.Why = "the change was not seen to arrive at every proxy"
	case !b.Recovered():
		v.Why = notLast
	case b.High > r.within:
		v.Why = "affected requests were too rare to time it so finely: send more requests a second, " +
			"or give the canary more of them"
	default:
		v.Outcome = reports.Pass
	}
	return v
}

// What claims about a rollback say where they can't be judged.
const (
	noRollback = "the phase did not roll back, or its write was never accepted"
	notLast    = "too few requests followed the last affected one to say that it was the last"
)

// positive tells whether a claim's time is above 0.
func positive(e Expectation, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%q: name a time above 0", e)
	}
	return nil
}
