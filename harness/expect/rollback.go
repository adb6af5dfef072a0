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

// As many requests have to follow as show that the last affected one was the last.
func (aboutRollback) decidable(o Outlook) bool {
	_, last := o.closing()
	return last
}

// noRollback is what claims about a rollback say where there was none.
const noRollback = "the phase did not roll back, or its write was never accepted"

// notLast says why an affected request was maybe not the last.
func notLast(r *analysis.Rollback) string {
	if r.Unknown > 0 {
		return "too few requests of each caller's proxy came before the rollback to know what it ends: watch the " +
			"canary for longer before, or send more requests a second"
	}
	return "too few requests followed the last affected one to say that it was the last"
}

// A drain is a claim of how long requests that the canary had at the rollback go on there: time at most, or at least.
type drain struct {
	aboutRollback
	lingers bool
	time    time.Duration
}

// String implements Expectation.
func (d drain) String() string {
	if d.lingers {
		return fmt.Sprintf("requests that the canary has already go on there for %s or more", d.time)
	}
	return fmt.Sprintf("the last request that the canary had is done within %s", d.time)
}

// offByHalf doubles how long requests go on at least.
func (d drain) offByHalf() (half Expectation, ok bool) {
	return drain{lingers: true, time: 2 * d.time}, d.lingers
}

// Validate tells whether the claim makes sense.
func (d drain) Validate() error { return positive(d, d.time) }

// Check implements Expectation.
func (d drain) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Kind: d.kind(), Want: d.String()}
	r := o.Rollback
	switch {
	case r == nil:
		v.Saw = "no rollback"
		return unsure(v, noRollback)
	case !r.Known():
		v.Saw = "no request of the canary"
		return unsure(v, "no request was affected before the rollback")
	}
	v.Saw = fmt.Sprintf(
		"the last affected request was sent %s and done %s after the write was accepted; %s were under way then",
		r.Route.Round(time.Millisecond), r.Drain.Round(time.Millisecond), format.Number(r.UnderWay))
	switch {
	case d.lingers && r.Drain < d.time:
		return fails(v, "all were done sooner")
	case !d.lingers && r.Drain > d.time:
		return fails(v, "it took longer")
	case !r.Recovered():
		return unsure(v, notLast(r))
	}
	return passes(v)
}

// The last request that the canary had is another one if one that was due before the switch was sent after it, and when
// it was done is read by a process that may be late. Either moves the drain by as much as requests were late.
func (d drain) rests(_ reports.Verdict, at circumstances) footing {
	return footing{onTime: (at.Rollback.Drain - d.time).Abs() <= at.late, atRate: true}
}

func (d drain) record() Record { return Record{Kind: d.kind(), Time: d.time} }

func (d drain) kind() string {
	if d.lingers {
		return "lingers-for"
	}
	return "drained-within"
}
