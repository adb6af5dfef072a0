package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// RecoveredWithin claims that d after the API server accepted a rollback at the latest, no request is routed
// the old way any more. It is judged by the upper end of the bracket of the route time (see analysis.Rollback),
// so that a coarse clock can't pass it by luck.
func RecoveredWithin(d time.Duration) recoveredWithin { return recoveredWithin{within: d} }

type recoveredWithin struct {
	aboutRollback
	within time.Duration
}

// String implements Expectation.
func (r recoveredWithin) String() string {
	return "the rollback is effective within " + r.within.String()
}

// Validate tells whether the claim makes sense.
func (r recoveredWithin) Validate() error { return positive(r, r.within) }

// Check implements Expectation.
func (r recoveredWithin) Check(o analysis.Observation) reports.Verdict {
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
