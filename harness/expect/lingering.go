package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A Lingering claims how long requests that the canary has already go on there after a rollback. Make it with LingersFor or DrainedWithin.
type Lingering struct {
	// One of the two is set.
	least, most time.Duration
}

// LingersFor claims that the last answer of the canary is done d or more after the API server accepted the rollback, although no new
// request gets there any more.
func LingersFor(d time.Duration) Lingering { return Lingering{least: d} }

// DrainedWithin claims the opposite: that it is done by then.
func DrainedWithin(d time.Duration) Lingering { return Lingering{most: d} }

// Cohort implements Expectation. The phase says which cohort its clock watches.
func (Lingering) Cohort() string { return "" }

// Need implements Expectation: as for Recovery.
func (Lingering) Need() int { return requests(0) }

// String implements Expectation.
func (l Lingering) String() string {
	if l.most > 0 {
		return fmt.Sprintf("the last request that the canary had is done within %s", l.most)
	}
	return fmt.Sprintf("requests that the canary has already go on there for %s or more", l.least)
}

// Validate tells whether the claim makes sense.
func (l Lingering) Validate() error {
	if l.least < 0 || l.most < 0 || l.least+l.most == 0 {
		return fmt.Errorf("%q: name a time above 0", l)
	}
	return nil
}

// Check implements Expectation.
func (l Lingering) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Want: l.String(), Outcome: reports.Inconclusive}
	r := o.Rollback
	switch {
	case r == nil:
		v.Saw, v.Why = "no rollback", "the phase did not roll back, or its write was never accepted"
		return v
	case !r.Known():
		v.Saw, v.Why = "no request of the canary", "no request was affected before the rollback"
		return v
	}
	v.Saw = fmt.Sprintf("the last affected request was sent %s and done %s after the write was accepted; %s were under way then",
		r.Route.Round(time.Millisecond), r.Drain.Round(time.Millisecond), format.Number(r.UnderWay))
	switch {
	case r.Drain < l.least:
		v.Outcome, v.Why = reports.Fail, "all were done sooner"
	case l.most > 0 && r.Drain > l.most:
		v.Outcome, v.Why = reports.Fail, "it took longer"
	case !r.Recovered():
		v.Why = "too few requests followed the last affected one to say that it was the last"
	default:
		v.Outcome = reports.Pass
	}
	return v
}
