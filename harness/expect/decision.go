package expect

import "github.com/canarylab/canarylab/reports"

// aboutDecision is the part that all claims about a detector's decision share.
type aboutDecision struct{}

// Cohort implements Expectation.
func (aboutDecision) Cohort() string { return "" }

// Need implements Expectation: the detector knows how many requests its decision takes.
func (aboutDecision) Need() int { return 0 }

// Requires says that the phase needs a detector.
func (aboutDecision) Requires() Requirement { return Requirement{Decision: true} }

// otherWay says that a decision is not the one that is claimed.
const otherWay = "it was decided the other way"

// undecided completes the verdict on a decision that nobody made.
func undecided(v reports.Verdict) reports.Verdict {
	v.Saw = "no decision"
	return unsure(v, "nothing was decided before the phase's deadline")
}
