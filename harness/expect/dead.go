package expect

import (
	"errors"
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// NotDead claims that some request can meet a rule. It is claimed only of a rule of which the opposite is proven, so
// that it always fails: rule names it, and why has the proof in a sentence.
func NotDead(rule, why string) *notDead { return &notDead{rule, why} }

type notDead struct{ rule, why string }

// Cohort implements Expectation.
func (d *notDead) Cohort() string { return "" }

// Need implements Expectation.
func (d *notDead) Need() int { return 0 }

// String implements Expectation.
func (d *notDead) String() string { return fmt.Sprintf("some request can meet the rule of %s", d.rule) }

// Requires tells that rules are judged in phases that test rules alone.
func (d *notDead) Requires() Requirement { return Requirement{Routing: true} }

// Validate tells whether the claim makes sense.
func (d *notDead) Validate() error {
	if d.rule == "" || d.why == "" {
		return errors.New("a rule that no request can meet is named, with the proof")
	}
	return nil
}

// Check implements Expectation.
func (d *notDead) Check(analysis.Observation) reports.Verdict {
	return fails(reports.Verdict{Kind: reports.KindDead, Want: d.String(), Saw: "none can"}, d.why)
}

// What is proven rests on no load.
func (d *notDead) rests(reports.Verdict, circumstances) footing { return footing{} }

func (d *notDead) record() Record { return Record{Kind: reports.KindDead, Rule: d.rule, Why: d.why} }

var _ = recorded(reports.KindDead, func(r Record) Expectation { return NotDead(r.Rule, r.Why) })
