package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
)

// LingersFor claims that the last answer of the canary is done d or more after the API server accepted the rollback,
// although no new request gets there any more.
func LingersFor(d time.Duration) lingersFor { return lingersFor{d} }

type lingersFor struct{ least time.Duration }

// Cohort implements Expectation. The phase says which cohort its clock watches.
func (lingersFor) Cohort() string { return "" }

// Need implements Expectation: as for RecoveredWithin.
func (lingersFor) Need() int { return requests(0) }

// Requires says that the phase has to roll back.
func (lingersFor) Requires() Requirement { return Requirement{Rollback: true} }

// String implements Expectation.
func (l lingersFor) String() string {
	return fmt.Sprintf("requests that the canary has already go on there for %s or more", l.least)
}

// Validate tells whether the claim makes sense.
func (l lingersFor) Validate() error { return positive(l, l.least) }

// Check implements Expectation.
func (l lingersFor) Check(o reports.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "lingers-for", Want: l.String()}
	return judgeDrain(v, o, func(drain time.Duration) (wrong string) {
		if drain < l.least {
			return "all were done sooner"
		}
		return ""
	})
}

// judgeDrain judges how long requests that the canary had at the rollback went on there. wrong says what is
// wrong with that time, empty where nothing is.
func judgeDrain(v reports.Verdict, o reports.Observation, wrong func(time.Duration) string) reports.Verdict {
	v.Outcome = reports.Inconclusive
	r := o.Rollback
	switch {
	case r == nil:
		v.Saw, v.Why = "no rollback", noRollback
		return v
	case !r.Known():
		v.Saw, v.Why = "no request of the canary", "no request was affected before the rollback"
		return v
	}
	v.Saw = fmt.Sprintf(
		"the last affected request was sent %s and done %s after the write was accepted; %s were under way then",
		r.Route.Round(time.Millisecond), r.Drain.Round(time.Millisecond), reports.Number(r.UnderWay))
	why := wrong(r.Drain)
	switch {
	case why != "":
		v.Outcome, v.Why = reports.Fail, why
	case !r.Recovered():
		v.Why = notLast
	default:
		v.Outcome = reports.Pass
	}
	return v
}
