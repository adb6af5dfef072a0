package expect

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// atMost is a claim about a whole phase: so many of its requests at most are of a sort, from the write on. It
// counts the transition too, which begins with the phase, a moment before its write is sent.
//
// It takes a phase that settled and went on for as many requests as show a share of 1 %: in a phase that never settled,
// the change may not have come yet whose cost is claimed.
type atMost struct {
	n      int
	cohort string
}

// Cohort implements Expectation.
func (a atMost) Cohort() string { return a.cohort }

// Requires says that the claim is about the way of the change.
func (atMost) Requires() Requirement { return Requirement{Change: true} }

// Need implements Expectation.
func (atMost) Need() int { return requests(0) }

// judge completes the verdict on a phase in which count requests are of the sort that sees names, and unknown
// others may be. listed names them.
func (a atMost) judge(
	v reports.Verdict, o analysis.Observation, sees string, count, unknown fromWrite, listed string,
) reports.Verdict {
	before, after := o.Transition.Of(a.cohort).Requests, o.Settled.Of(a.cohort).Requests
	v.Saw = "no requests"
	if before+after > 0 {
		v.Saw = fmt.Sprintf("%s %s while the change was on its way, and %s once it had arrived, of %s requests",
			format.Number(count.transition), sees, format.Number(count.settled), format.Number(before+after))
	}
	why, few := tooFew(o, after, a.Need())
	switch {
	case count.sum() > a.n:
		return fails(v, listed)
	case few:
		return unsure(v, why)
	case count.sum()+unknown.sum() > a.n:
		return unsure(v, fmt.Sprintf("nobody knows it of %s more", format.Number(unknown.sum())))
	}
	return passes(v)
}

// What a change costs while it is on its way is met by the requests that are sent then. An agent that stood still at
// that moment sends none, and one that makes up for it sends many: the claim rests on the pace of that time. Later on
// it is as with no errors.
func (a atMost) rests(v reports.Verdict, at circumstances) footing {
	on := footing{onTime: !at.OnTime(a.cohort), atRate: v.Outcome == reports.Pass}
	if v.Outcome == reports.Fail {
		sure := inBoth(at.Observation, a.cohort, func(c analysis.Counts) int { return failed(c) - failures(c, byLoad) })
		on.onTime = on.onTime || sure.sum() <= a.n
	}
	return on
}

// scaled is the claim at factor times the rate. A rounding error is not to cost a request.
func (a atMost) scaled(factor float64) atMost {
	a.n = int(math.Floor(float64(a.n)*factor + 1e-9))
	return a
}

// No request at all is enough to tell from only if some is sent in each time that matters. A greater number has to tell
// a change that costs twice as much; that one which costs a quarter passes then, follows.
func (a atMost) decidable(o Outlook) bool {
	if a.n == 0 {
		return o.Rate*sight.Seconds() >= 1
	}
	return distuv.Poisson{Lambda: 2 * float64(a.n)}.CDF(float64(a.n)) <= 1-Power
}

// limit is the claim's number for people.
func (a atMost) limit() string {
	if a.n == 0 {
		return "no request"
	}
	return "at most " + format.Plural(a.n, "request", "requests")
}

// whom names the cohort after limit, empty for all.
func (a atMost) whom() string { return format.When(a.cohort != "", " of "+a.cohort) }

// A fromWrite counts requests of a whole phase.
type fromWrite struct{ transition, settled int }

func (f fromWrite) sum() int { return f.transition + f.settled }

// inBoth counts in both parts of a phase.
func inBoth(o analysis.Observation, cohort string, count func(analysis.Counts) int) fromWrite {
	return fromWrite{count(o.Transition.Of(cohort)), count(o.Settled.Of(cohort))}
}
