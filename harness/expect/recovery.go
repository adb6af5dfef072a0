package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// A Recovery claims that a rollback takes effect in time. Make it with RecoveredWithin.
type Recovery struct{ within time.Duration }

// RecoveredWithin claims that d after the API server accepted a rollback at the latest, no request is routed the old way
// any more. It is judged by the upper end of the bracket of the route time (see analysis.Rollback), so that a coarse clock can't
// pass it by luck.
func RecoveredWithin(d time.Duration) Recovery { return Recovery{within: d} }

// Cohort implements Expectation. The phase says which cohort its clock watches.
func (Recovery) Cohort() string { return "" }

// Need implements Expectation: enough settled requests to see that nothing comes after the last affected request, for a
// canary that had 1 % or more.
func (Recovery) Need() int { return requests(0) }

// String implements Expectation.
func (r Recovery) String() string { return "the rollback is effective within " + r.within.String() }

// Validate tells whether the claim makes sense.
func (r Recovery) Validate() error {
	if r.within <= 0 {
		return fmt.Errorf("%q: name a time above 0", r)
	}
	return nil
}

// Check implements Expectation.
func (r Recovery) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Want: r.String(), Outcome: reports.Inconclusive}
	b := o.Rollback
	if b == nil {
		v.Saw, v.Why = "no rollback", "the phase did not roll back, or its write was never accepted"
		return v
	}
	v.Saw = b.String()
	switch {
	case b.Route > r.within:
		v.Outcome = reports.Fail
		v.Why = fmt.Sprintf("an affected request was sent %s after the write was accepted", b.Route.Round(time.Millisecond))
	case !b.Known():
		v.Why = "no request was affected before the rollback, so that its end can't be seen"
	case o.SettledAt.IsZero():
		v.Why = "the change was not seen to arrive at every proxy"
	case !b.Recovered():
		v.Why = "too few requests followed the last affected one to say that it was the last"
	case b.High > r.within:
		v.Why = "affected requests were too rare to time it so finely: send more requests a second, or give the canary more of them"
	default:
		v.Outcome = reports.Pass
	}
	return v
}
