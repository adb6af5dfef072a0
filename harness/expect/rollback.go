package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// aboutRollback is the part that all claims about a rollback share.
type aboutRollback struct{}

// Cohort implements Expectation. The phase says which cohort its clock watches.
func (aboutRollback) Cohort() string { return "" }

// Need implements Expectation: enough settled requests to see that nothing comes after the last affected request, for a
// canary that had 1 % or more.
func (aboutRollback) Need() int { return requests(0) }

// Requires says that the phase has to roll back.
func (aboutRollback) Requires() Requirement { return Requirement{Rollback: true} }

// What claims about a rollback say where they can't be judged.
const (
	noRollback = "the phase did not roll back, or its write was never accepted"
	notLast    = "too few requests followed the last affected one to say that it was the last"
)

// judgeDrain judges how long requests that the canary had at the rollback went on there. wrong says what is
// wrong with that time, empty where nothing is.
func judgeDrain(v reports.Verdict, o analysis.Observation, wrong func(time.Duration) string) reports.Verdict {
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
		r.Route.Round(time.Millisecond), r.Drain.Round(time.Millisecond), format.Number(r.UnderWay))
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
