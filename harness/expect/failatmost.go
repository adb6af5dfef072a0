package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// FailAtMost claims that n requests of the whole phase fail at most, from the write on: also those that were sent while
// the change was on its way. A request fails that gets no answer, or one with a status of 400 or above.
func FailAtMost(n int) failAtMost { return failAtMost{atMost{n: n}} }

type failAtMost struct{ atMost }

// Of limits the claim to the requests of one cohort.
func (f failAtMost) Of(cohort string) failAtMost {
	f.cohort = cohort
	return f
}

// String implements Expectation.
func (f failAtMost) String() string {
	return f.limit() + f.whom() + format.When(f.n == 1, " fails") +
		format.When(f.n != 1, " fail") + " from the write on"
}

// Validate tells whether the claim makes sense.
func (f failAtMost) Validate() error {
	if f.n < 1 {
		return fmt.Errorf("%q: name a number above 0, or claim NeverFails", f)
	}
	return nil
}

// Check implements Expectation.
func (f failAtMost) Check(o analysis.Observation) reports.Verdict {
	return f.check(o, reports.Verdict{Kind: "fail-at-most", Want: f.String()})
}

func (a atMost) check(o analysis.Observation, v reports.Verdict) reports.Verdict {
	listed := listErrors(o.Transition.Of(a.cohort), nil)
	listed = format.Join(", and then ", listed, listErrors(o.Settled.Of(a.cohort), nil))
	return a.judge(v, o, "failed", inBoth(o, a.cohort, failed), fromWrite{}, listed)
}

func (f failAtMost) excludes(other Expectation) bool { return f.excludesFailures(other) }

// excludesFailures tells whether a claim takes more failures to hold than the limit has.
func (a atMost) excludesFailures(other Expectation) bool {
	r, ok := requestOf(other)
	return ok && r.failed && overlap(a.cohort, other.Cohort()) && least(other) > a.n
}

func (f failAtMost) times(factor float64) Expectation { return failAtMost{f.scaled(factor)} }

func (f failAtMost) record() Record {
	return Record{Kind: "fail-at-most", Count: f.n, Cohort: f.cohort}
}

var _ = recorded("fail-at-most", func(r Record) Expectation { return FailAtMost(r.Count).Of(r.Cohort) })
