package expect

import (
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// Promoted claims that the phase's detector finds the canary good.
func Promoted() promoted { return promoted{} }

type promoted struct{ aboutDecision }

// String implements Expectation.
func (promoted) String() string { return "the canary is found good" }

// Check implements Expectation.
func (p promoted) Check(o analysis.Observation) reports.Verdict {
	v := reports.Verdict{Kind: "promoted", Want: p.String()}
	d := o.Detection
	if d == nil {
		return undecided(v)
	}
	v.Saw = d.String()
	if d.Bad {
		return fails(v, otherWay)
	}
	return passes(v)
}

func (promoted) record() Record { return Record{Kind: "promoted"} }

var _ = recorded("promoted", func(Record) Expectation { return Promoted() })
