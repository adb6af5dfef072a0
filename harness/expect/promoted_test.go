package expect

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// detected is a phase in which a detector decided.
func detected(d analysis.Detection) analysis.Observation { return analysis.Observation{Detection: &d} }

// Decisions about the canary: a good one, a bad one, and a bad one before the canary failed.
var (
	foundGood = analysis.Detection{After: 3 * time.Second, Answers: 9}
	foundBad  = analysis.Detection{
		Decision: trace.Decision{Bad: true}, FirstBad: time.Second, After: 3 * time.Second, BadOnes: 4, Answers: 9,
	}
	hasty = analysis.Detection{Decision: trace.Decision{Bad: true}, After: 3 * time.Second, Answers: 9}
)

func TestPromoted(t *testing.T) {
	holds(t, "promoted", []judged{
		{"good", Promoted(), detected(foundGood), pass, ""},
		{"bad", Promoted(), detected(foundBad), fail, "the other way"},
		{"no decision", Promoted(), analysis.Observation{}, inconclusive, "nothing was decided"},
	})
}
