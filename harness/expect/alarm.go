package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// An Alarm claims what whoever watches the phase decides about the canary. Make it with TakenBackWithin or LetOn.
type Alarm struct {
	bad    bool
	within time.Duration
}

// TakenBackWithin claims that the canary is found bad, d after its first bad answer at the latest.
func TakenBackWithin(d time.Duration) Alarm { return Alarm{bad: true, within: d} }

// LetOn claims that the canary is found good.
func LetOn() Alarm { return Alarm{} }

// Cohort implements Expectation.
func (Alarm) Cohort() string { return "" }

// Need implements Expectation: whoever decides knows how much that takes.
func (Alarm) Need() int { return 0 }

// String implements Expectation.
func (a Alarm) String() string {
	if !a.bad {
		return "the canary is found good"
	}
	return fmt.Sprintf("the canary is found bad within %s of its first failed answer", a.within)
}

// Validate tells whether the claim makes sense.
func (a Alarm) Validate() error {
	if a.bad && a.within <= 0 {
		return fmt.Errorf("%q: name a time above 0", a)
	}
	return nil
}

// Check implements Expectation.
func (a Alarm) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Want: a.String()}
	d := o.Detection
	if d == nil {
		v.Saw, v.Outcome, v.Why = "no decision", reports.Inconclusive, "nothing was decided before the phase's deadline"
		return v
	}
	v.Saw = d.String()
	took, known := d.Took()
	switch {
	case d.Bad != a.bad:
		v.Outcome, v.Why = reports.Fail, "it was decided the other way"
	case a.bad && !known:
		v.Outcome, v.Why = reports.Fail, "the canary had given no bad answer by then: a false alarm"
	case a.bad && took > a.within:
		v.Outcome, v.Why = reports.Fail, fmt.Sprintf("it took %s", took.Round(time.Millisecond))
	default:
		v.Outcome = reports.Pass
	}
	return v
}
