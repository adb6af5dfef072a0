package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// AbortedWithin claims that the phase's detector finds the canary bad, d after its first bad answer at the latest.
func AbortedWithin(d time.Duration) abortedWithin { return abortedWithin{within: d} }

type abortedWithin struct {
	aboutDecision
	within time.Duration
}

// Requires says that the phase needs a detector, and ends when that decides.
func (abortedWithin) Requires() Requirement { return Requirement{Decision: true, AtOnce: true} }

// String implements Expectation.
func (a abortedWithin) String() string {
	return fmt.Sprintf("the canary is found bad within %s of its first failed answer", a.within)
}

// Validate tells whether the claim makes sense.
func (a abortedWithin) Validate() error { return positive(a, a.within) }

// Check implements Expectation.
func (a abortedWithin) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "aborted-within", Want: a.String()}
	d := o.Detection
	if d == nil {
		v = undecided(v)
		if watched := o.Settled; watched.Total.Requests > 0 && watched.Took() > a.within {
			return fails(v, "nothing was decided in "+watched.Took().Round(time.Second).String())
		}
		return v
	}
	v.Saw = d.String()
	took, known := d.Took()
	switch {
	case !d.Bad:
		return fails(v, otherWay)
	case !known:
		return fails(v, "the canary had given no bad answer by then: a false alarm")
	case took > a.within:
		return fails(v, fmt.Sprintf("it took %s", took.Round(time.Millisecond)))
	}
	return passes(v)
}

func (a abortedWithin) decidable(o Outlook) bool {
	return float64(o.Decision) <= room*a.within.Seconds()*o.Answers
}

func (a abortedWithin) record() Record { return Record{Kind: "aborted-within", Time: a.within} }

var _ = recorded("aborted-within", func(r Record) Expectation { return AbortedWithin(r.Time) })
