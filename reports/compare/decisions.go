package compare

import (
	"time"

	"github.com/canarylab/canarylab/reports/format"
)

// decisions are the figures of how long it took to decide about a canary that failed, in the phases of both
// sides in which somebody did.
func decisions(base, other Side) (all []*Figure) {
	for _, phase := range common(base, other) {
		b, o := base.decided(phase), other.decided(phase)
		if len(b) == 0 || len(o) == 0 {
			continue
		}
		f := &Figure{Kind: DecisionKind, Phase: phase, Name: "time to decide", Base: spread(b), Other: spread(o)}
		all = append(all, f)
		if !f.compareRuns(b, o) {
			f.Unit, f.Difference = Milliseconds, known(*f.Other.Number-*f.Base.Number)
			f.notJudged("one of each does not tell how much it varies")
		}
	}
	return all
}

// decided has the times from the first bad answer to the decision, in milliseconds, of the side's runs.
func (s Side) decided(phase string) (all []float64) {
	for _, p := range s.phase(phase) {
		if p.Observation.Detection == nil {
			continue
		}
		if took, ok := p.Observation.Detection.Took(); ok && took >= time.Microsecond {
			all = append(all, format.Milliseconds(took))
		}
	}
	return all
}
