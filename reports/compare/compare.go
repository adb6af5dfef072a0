// Package compare puts runs side by side: what of their setups differs, and what of their figures, with its
// uncertainty. It says plainly where there is no difference that the data can show. All of it is made from the
// runs' reports.
package compare

import (
	"fmt"
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports/format"

	"github.com/canarylab/canarylab/reports"
)

// Schema is the version of a Comparison's JSON. A change that a reader of the older form would misread raises it.
const Schema = 1

// A Comparison is two or more sides, each of the others held against the base.
type Comparison struct {
	Schema int `json:"schema"`
	// Scenario is what all sides play, Title one sentence about it. Both are empty where sides play different
	// ones: Mismatch says so, and there are no Pairs.
	Scenario string `json:"scenario,omitempty"`
	Title    string `json:"title,omitempty"`
	Mismatch string `json:"mismatch,omitempty"`
	// Runs are all runs of all sides.
	Runs []Run `json:"runs"`
	// Differing are the settings in which sides differ, Equal those in which they do not. They have a value for
	// each side.
	Differing []Setting `json:"differing"`
	Equal     []Setting `json:"equal"`
	// Judged is how many figures share Risk, the chance that any of them is shown as different while no side
	// differs from the base; Found is how many of them are different. Confidence is that of their intervals,
	// which is higher the more there are (Holm): an interval that leaves out "no difference" is a difference.
	Judged     int     `json:"judged"`
	Found      int     `json:"found"`
	Risk       float64 `json:"risk"`
	Confidence float64 `json:"confidence"`
	Pairs      []Pair  `json:"pairs"`
	// Warnings say, a sentence each, what of the runs is missing, damaged or can't be trusted; Notes how the
	// figures are to be read.
	Warnings []string `json:"warnings,omitempty"`
	Notes    []string `json:"notes,omitempty"`
}

// A Pair is one side held against the base.
type Pair struct {
	// Base and Other are letters of sides.
	Base  string `json:"base"`
	Other string `json:"other"`
	// Figures are what both have in common, by kind.
	Figures []*Figure `json:"figures"`
	// Verdicts are those that are not the same on both sides.
	Verdicts []VerdictChange `json:"verdicts,omitempty"`
	// OnlyBase and OnlyOther are phases that the other side does not have.
	OnlyBase  []string `json:"onlyBase,omitempty"`
	OnlyOther []string `json:"onlyOther,omitempty"`
}

// Different are the pair's figures that differ.
func (p Pair) Different() []*Figure { return p.judged(Different) }

func (p Pair) judged(so Judgement) []*Figure {
	return slices.DeleteFunc(slices.Clone(p.Figures), func(f *Figure) bool { return f.Judgement != so })
}

// A Run is one run in general figures.
type Run struct {
	// Side is its side's letter.
	Side     string          `json:"side"`
	Name     string          `json:"name"`
	Run      string          `json:"run"`
	Scenario string          `json:"scenario"`
	Started  time.Time       `json:"started,omitzero"`
	TookMS   float64         `json:"tookMs"`
	Outcome  reports.Outcome `json:"outcome"`
	// Requests and Failed count all of the run's phases, settled or not. Unexplained counts what the accounting
	// can't explain.
	Requests    int `json:"requests"`
	Failed      int `json:"failed"`
	Unexplained int `json:"unexplained"`
	// LagP99MS is how much later than due requests were sent, by the worst cohort, in milliseconds. CPU is what
	// the load agent used of its processors, as a fraction; nil where not known.
	LagP99MS float64  `json:"lagP99Ms"`
	CPU      *float64 `json:"cpu,omitempty"`
}

// A Setting is a part of the setup.
type Setting struct {
	Name string `json:"name"`
	// Values has one for each side; in Equal there is one for all. Where the runs of a side differ, it has each.
	Values []string `json:"values"`
}

// A VerdictChange is an expectation that was not met alike.
type VerdictChange struct {
	Phase string `json:"phase"`
	Want  string `json:"want"`
	// Base and Other have the outcome of each run that has it.
	Base  []reports.Outcome `json:"base"`
	Other []reports.Outcome `json:"other"`
}

// New holds each other side against the first, which is the base. An error wraps ErrSides.
func New(sides ...Side) (*Comparison, error) {
	if err := check(sides); err != nil {
		return nil, err
	}
	c := &Comparison{Schema: Schema, Risk: Risk, Scenario: sides[0].scenario(), Title: sides[0][0].Report.Title}
	for i, side := range sides {
		for _, r := range side {
			c.Runs = append(c.Runs, newRun(letter(i), r))
		}
	}
	c.settings(sides)
	for i, side := range sides[1:] {
		if side.scenario() != sides[0].scenario() {
			c.Mismatch = fmt.Sprintf("%s plays %s and %s plays %s. Phases and claims of different scenarios are not "+
				"the same things, so only setups and general figures are shown.", letter(0), sides[0].scenario(),
				letter(i+1), side.scenario())
			c.Scenario, c.Title = "", ""
			break
		}
	}
	if c.Mismatch == "" {
		var all []*Figure
		for i, side := range sides[1:] {
			p := newPair(sides[0], side)
			p.Base, p.Other = letter(0), letter(i+1)
			all = append(all, p.Figures...)
			c.Pairs = append(c.Pairs, p)
		}
		c.Confidence, c.Judged, c.Found = settle(all)
	}
	c.notes(sides)
	return c, nil
}

func newRun(side string, r *reports.Run) Run {
	rep := r.Report
	out := Run{
		Side: side, Name: name(r), Run: rep.Run, Scenario: rep.Scenario, Started: rep.Started,
		TookMS: format.Milliseconds(rep.Took), Outcome: rep.Outcome, Requests: rep.Accounting.Requests,
		Failed: reports.Summarize(rep).Burned, Unexplained: rep.Accounting.UnexplainedTotal,
	}
	for _, p := range rep.Accounting.Pace {
		out.LagP99MS = max(out.LagP99MS, format.Milliseconds(p.LagP99))
	}
	if rep.Accounting.Generator.Known {
		out.CPU = &rep.Accounting.Generator.CPU
	}
	return out
}

func newPair(base, other Side) Pair {
	claimed, failed := shares(base, other)
	rollbacks, decided := rollbackFigures(base, other), decisions(base, other)
	p := Pair{Figures: slices.Concat(
		claimed, landings(base, other), failed, rollbacks, decided, latencies(base, other),
	)}
	unshaken(p.Figures, base, other)
	otherLoad(p.Figures, base, other)
	ours, theirs := base.phases(), other.phases()
	p.OnlyBase, p.OnlyOther = lacking(ours, theirs), lacking(theirs, ours)
	type key struct{ phase, want string }
	outcomes := func(s Side) (keys []key, by map[key][]reports.Outcome) {
		by = map[key][]reports.Outcome{}
		for _, r := range s {
			for _, phase := range r.Report.Phases {
				for _, v := range phase.Verdicts {
					k := key{phase.Name, v.Want}
					if by[k] == nil {
						keys = append(keys, k)
					}
					by[k] = append(by[k], v.Outcome)
				}
			}
		}
		return keys, by
	}
	kinds := func(all []reports.Outcome) []reports.Outcome {
		return slices.Compact(slices.Sorted(slices.Values(all)))
	}
	keys, b := outcomes(base)
	_, o := outcomes(other)
	for _, k := range keys {
		if o[k] != nil && !slices.Equal(kinds(b[k]), kinds(o[k])) {
			p.Verdicts = append(p.Verdicts, VerdictChange{k.phase, k.want, b[k], o[k]})
		}
	}
	return p
}
