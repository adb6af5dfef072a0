package compare

import (
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports/format"
)

// decisions are the figures of how long it took to decide about a canary that failed, in the phases of both
// sides in which somebody did.
func decisions(base, other Side) (all []*Figure) {
	for _, phase := range base.phases() {
		b, o := base.decided(phase), other.decided(phase)
		if len(b) == 0 || len(o) == 0 {
			continue
		}
		f := &Figure{
			Kind: DecisionKind, Phase: phase, Name: "time to decide", Unit: Factor, Base: spread(b), Other: spread(o),
		}
		all = append(all, f)
		r, ok := newRatio(b, o)
		if !ok {
			f.Unit, f.Difference = Milliseconds, known(*f.Other.Number-*f.Base.Number)
			f.notJudged("one of each does not tell how much it varies")
			continue
		}
		f.estimate, f.Difference = r, known(r.factor())
	}
	return all
}

// decided has the times from the first bad answer to the decision, in milliseconds, of the side's runs.
func (s Side) decided(phase string) (all []float64) {
	for _, p := range s.phase(phase) {
		if p == nil || p.Observation.Detection == nil {
			continue
		}
		if took, ok := p.Observation.Detection.Took(); ok && took >= time.Microsecond {
			all = append(all, format.Milliseconds(took))
		}
	}
	return all
}

// spread is the median of values, with the smallest and the largest.
func spread(values []float64) Value {
	v := Value{Number: known(median(values)), N: len(values), Runs: len(values)}
	if len(values) > 1 {
		v.Low, v.High = known(slices.Min(values)), known(slices.Max(values))
	}
	return v
}
