package harness

import (
	"cmp"
	"slices"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/patience"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// DefaultDeadline is how long a phase watches at most, from the moment that its change has settled.
const DefaultDeadline = time.Minute

// A Phase makes one change, waits until every proxy is synced, and watches.
type Phase struct {
	// Name is unique in the scenario.
	Name string
	// Do is the change. Nil only watches.
	Do Step `json:",omitzero"`
	// Rollback tells that Do takes the canary back. The phase gets a rollback clock, and the report compares
	// the rollbacks of a run by their steps: Revert, Delete, ScaleTo and Undo are rollback methods.
	Rollback bool `json:",omitzero"`
	// Breaks marks the change that the story is about, and Fixes the one that mends it. Without the one or the
	// other the scenario must not pass: a test plays it so.
	Breaks, Fixes bool `json:",omitzero"`
	// Point marks the phase whose first claim stands for the whole story in a table, where that is not the phase that
	// Breaks.
	Point bool `json:",omitzero"`
	// Repeat marks a phase that does once more what another one did. A report for people shows it in full only
	// if it does not pass.
	Repeat bool `json:",omitzero"`
	// Await are facts that come about by themselves after the change, such as an ejected host. The phase is
	// settled once they hold.
	Await []Proof `json:",omitzero"`
	// Until ends the phase when it decides. A canary that is to be found bad (expect.AbortedWithin) is so at once. Else
	// the phase goes on until there are as many requests as Expect takes.
	Until Detector `json:",omitzero"`
	// Prove is looked at once the change has settled, while the load goes on.
	Prove []Proof `json:",omitzero"`
	// Expect is judged by what was sent while the phase was settled. The phase goes on until there are as many
	// requests as that takes, or until Deadline.
	Expect []expect.Expectation `json:",omitzero"`
	// Cohort is the one that the phase's rollback clock watches, in place of the scenario's CanaryCohort.
	Cohort string `json:",omitzero"`
	// Routing is what the phase tests of somebody's own rules, nil where it tests none.
	Routing *reports.Routing `json:"-"`
	// Deadline bounds the watching. Zero means DefaultDeadline.
	Deadline time.Duration `json:",omitzero"`
	// open are verdicts on what is claimed and can't be judged, as the load is too light for it.
	open []reports.Verdict
}

// deadline returns Deadline with its default, longer on a slow machine.
func (p Phase) deadline() time.Duration { return patience.Of(cmp.Or(p.Deadline, DefaultDeadline)) }

// span is the least that the phase is watched.
func (p Phase) span() time.Duration {
	span := minWatch
	for _, e := range p.Expect {
		if long, ok := e.(interface{ Span() time.Duration }); ok {
			span = max(span, long.Span())
		}
	}
	return span
}

// did returns what reports call the phase's change.
func (p Phase) did() string {
	if p.Do == nil {
		return ""
	}
	return p.Do.String()
}

// Action returns the phase's change as data, nil where it makes none.
func (p Phase) Action() *reports.Action {
	if p.Do == nil {
		return nil
	}
	a := p.Do.Action()
	return &a
}

// file returns the scenario's file that the change is about. It is empty where the change is about none.
func (p Phase) file() string {
	if a := p.Action(); a != nil {
		return a.File
	}
	return ""
}

// spec returns what analysis.Analyze has to know of a phase.
func (s Scenario) spec(p Phase) analysis.PhaseSpec {
	return analysis.PhaseSpec{
		Name: p.Name, Rollback: p.Rollback, Method: p.did(), Canary: s.Canary, Cohort: cmp.Or(p.Cohort, s.CanaryCohort),
		Keeps: s.keeps(p), Landings: p.Routing != nil,
		Attempts: slices.ContainsFunc(p.Expect, func(e expect.Expectation) bool { return expect.Requires(e).Attempts }),
	}
}

// keeps tells that a phase leaves to the canary what it had: it changes nothing, the rate of the load, or the canary's
// own faults.
func (s Scenario) keeps(p Phase) bool {
	fault, injects := p.Do.(Inject)
	_, sends := p.Do.(sendAt)
	return p.Do == nil || sends || injects && s.Canary != "" && fault.Version == s.Canary
}
