// Package judge makes a run's report from its trace, and from nothing else: right after the run, after the program
// that played it was killed, and for anybody who wants to know whether a report is what its trace says. The scenario
// is not needed for it.
package judge

import (
	"encoding/json"
	"fmt"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Draft is what a report says that was not seen, and what was claimed: all that a run knows of itself when it
// begins. It is an event in the trace.
type Draft struct {
	// Report has no phases yet, and nothing that was measured.
	Report reports.Report `json:"report"`
	Phases []Phase        `json:"phases"`
}

// A Phase is one of a Draft.
type Phase struct {
	Name string `json:"name"`
	// Did and Action are those of reports.Phase, and so are the marks.
	Did    string          `json:"did,omitempty"`
	Action *reports.Action `json:"action,omitempty"`
	Breaks bool            `json:"breaks,omitempty"`
	Fixes  bool            `json:"fixes,omitempty"`
	Point  bool            `json:"point,omitempty"`
	Repeat bool            `json:"repeat,omitempty"`
	// Rollback, Canary, Cohort and Keeps are those of analysis.PhaseSpec, whose Method is Did.
	Rollback bool   `json:"rollback,omitempty"`
	Canary   string `json:"canary,omitempty"`
	Cohort   string `json:"cohort,omitempty"`
	Keeps    bool   `json:"keeps,omitempty"`
	// Attempts is that of analysis.PhaseSpec too.
	Attempts bool `json:"attempts,omitempty"`
	// Routing is that of reports.Phase, without what is seen.
	Routing *reports.Routing `json:"routing,omitempty"`
	// Proofs are the verdicts on the phase's proofs if nobody ever looked at them.
	Proofs []reports.Verdict `json:"proofs,omitempty"`
	// Claims are the phase's expectations, as expect.Encode writes them.
	Claims []json.RawMessage `json:"claims,omitempty"`
}

// Claim adds expectations to the phase.
func (p *Phase) Claim(all ...expect.Expectation) error {
	for _, e := range all {
		b, err := expect.Encode(e)
		if err != nil {
			return fmt.Errorf("keep %q for the trace: %w", e, err)
		}
		p.Claims = append(p.Claims, b)
	}
	return nil
}

// Event is the draft for the trace.
func (d *Draft) Event() (trace.Event, error) { return event(trace.Draft, "", d) }

// Proof is the verdict on a proof of a phase for the trace.
func Proof(phase string, v reports.Verdict) (trace.Event, error) { return event(trace.Proof, phase, v) }

func event(kind trace.Kind, phase string, data any) (trace.Event, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return trace.Event{}, fmt.Errorf("write a %s for the trace: %w", kind, err)
	}
	return trace.Event{Kind: kind, Phase: phase, Data: b}, nil
}

// spec is what the analysis has to know.
func (d *Draft) spec() analysis.Spec {
	s := analysis.Spec{Plan: d.Report.Setup.Load}
	for _, p := range d.Phases {
		s.Phases = append(s.Phases, analysis.PhaseSpec{
			Name: p.Name, Rollback: p.Rollback, Method: p.Did, Canary: p.Canary, Cohort: p.Cohort,
			Keeps: p.Keeps, Landings: p.Routing != nil, Attempts: p.Attempts,
		})
	}
	return s
}

// maxVerdicts bounds what a trace from anywhere can ask for. The longest story has 81 phases with a few each.
const maxVerdicts = 1000

// Check refuses a draft that no run wrote, or that asks for more than a report holds.
func (d *Draft) Check() error {
	if err := d.Report.Setup.Load.Validate(); err != nil {
		return err
	}
	if len(d.Phases) > analysis.MaxPhases {
		return fmt.Errorf("it has %d phases, more than %d", len(d.Phases), analysis.MaxPhases)
	}
	seen, verdicts := map[string]bool{}, 0
	for _, p := range d.Phases {
		if seen[p.Name] {
			return fmt.Errorf("it has two phases %q", p.Name)
		}
		seen[p.Name] = true
		verdicts += len(p.Proofs) + len(p.Claims)
	}
	if verdicts > maxVerdicts {
		return fmt.Errorf("it claims %d things, more than %d", verdicts, maxVerdicts)
	}
	return nil
}
