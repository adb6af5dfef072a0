package expect

import "github.com/canarylab/canarylab/reports"

// Promoted claims that the phase's detector finds the canary good.
func Promoted() promoted { return promoted{} }

type promoted struct{}

// Cohort implements Expectation.
func (promoted) Cohort() string { return "" }

// Need implements Expectation: the detector knows how many requests its decision takes.
func (promoted) Need() int { return 0 }

// Requires says that the phase needs a detector.
func (promoted) Requires() Requirement { return Requirement{Decision: true} }

// String implements Expectation.
func (promoted) String() string { return "the canary is found good" }

// Check implements Expectation.
func (p promoted) Check(o reports.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "promoted", Want: p.String()}
	d := o.Detection
	if d == nil {
		return undecided(v)
	}
	v.Saw, v.Outcome = d.String(), reports.Pass
	if d.Bad {
		v.Outcome, v.Why = reports.Fail, otherWay
	}
	return v
}

// otherWay says that a decision is not the one that is claimed.
const otherWay = "it was decided the other way"

// undecided completes the verdict on a decision that nobody made.
func undecided(v reports.Verdict) reports.Verdict {
	v.Saw, v.Outcome, v.Why = "no decision", reports.Inconclusive, "nothing was decided before the phase's deadline"
	return v
}
