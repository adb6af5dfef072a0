package html

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// marks are what outcomes look like beside their color.
var marks = map[reports.Outcome]string{
	reports.Pass: "✓", reports.Inconclusive: "?", reports.Invalid: "!", reports.Fail: "✗",
}

// A page is all that the template shows, in its order.
type page struct {
	Policy string
	Style  template.CSS
	Script template.JS

	Report   *reports.Report
	Hero     hero
	Problems []string
	Timeline *timelineView
	// NoTimeline says why there is none.
	NoTimeline string
	Phases     []phaseView
	// Repeats are phases that repeat others, and passed.
	Repeats    []phaseView
	Failures   failuresView
	Latency    latencyView
	Accounting accountingView
	Changes    changesView
	Proofs     []proofView
	// Analysis is what istioctl analyze said.
	Analysis  []string
	Notes     []string
	Manifests []manifestView
	Facts     []fact
	Commands  []string

	colors *palette
	rules  strings.Builder
}

// A fact is a named value.
type fact struct{ Name, Value string }

func newPage(run *reports.Run) *page {
	r := run.Report
	p := &page{Report: r, Problems: run.Problems, colors: newPalette(r)}
	p.Hero = newHero(r)
	p.timeline()
	reach := plotReach(r)
	for i, phase := range r.Phases {
		v := p.phase(i, phase, reach)
		if phase.Repeat && phase.Outcome() == reports.Pass {
			p.Repeats = append(p.Repeats, v)
		} else {
			p.Phases = append(p.Phases, v)
		}
	}
	p.Failures = p.failures()
	p.Latency = p.latency()
	p.Accounting = newAccounting(r)
	p.Changes = p.changes()
	p.proofs()
	p.Manifests = newManifests(run)
	p.environment()
	return p
}

// rule adds a rule to the page's own style, and returns the class that has it. Its body is numbers.
func (p *page) rule(format string, numbers ...any) string {
	class := fmt.Sprintf("x%d", strings.Count(p.rules.String(), "\n"))
	fmt.Fprintf(&p.rules, "."+class+"{"+format+"}\n", numbers...)
	return class
}

// anchor is the id of phase i, counted from 0.
func anchor(i int) string { return fmt.Sprintf("phase-%d", i+1) }

// A phaseView is one phase.
type phaseView struct {
	Number            int
	Anchor, Name, Did string
	Outcome           reports.Outcome
	// Judged tells that the phase has a verdict.
	Judged bool
	Tags   []string
	// Rejections are what proxies said that would not take the change.
	Rejections []string
	Rows       []splitView
	// Verdicts are those that Rows do not say.
	Verdicts []reports.Verdict
	// Small is what was decided, how the change spread, and what happened until it had.
	Small []string
	// Many tells that the rows are of several groups of callers, Claims that any has a Plot.
	Many, Claims bool
	// Routing is set for a phase that tests somebody's own rules, in the place of Rows.
	Routing *routingView
	// Reach is how far the edges of the rows' plots are from what was asked, in percentage points.
	Reach string
}

func (p *page) phase(i int, phase reports.Phase, reach float64) phaseView {
	o := phase.Observation
	v := phaseView{
		Number: i + 1, Anchor: anchor(i), Name: phase.Name, Outcome: phase.Outcome(), Judged: len(phase.Verdicts) > 0,
		Did: phase.Did, Reach: number(reach, 2),
	}
	if o.Change != nil {
		v.Rejections = o.Change.Rejections
	}
	if d := o.Detection; d != nil {
		v.Small = append(v.Small, fmt.Sprintf("Decided by %s: %s.", d.By, d.String()))
	}
	v.Small = append(v.Small, upper(reports.TimingInWords(o))+".")
	if s := meanwhile(o.Transition); s != "" {
		v.Small = append(v.Small, s)
	}
	if phase.Breaks {
		v.Tags = append(v.Tags, "the change that the story is about")
	}
	if o.Rollback != nil {
		v.Tags = append(v.Tags, "the rollback")
	}
	if phase.Fixes {
		v.Tags = append(v.Tags, "the fix")
	}
	if o.Settled.Total.Requests > 0 {
		rows := reports.SplitRows(o.Settled, phase.Verdicts, p.Report.Setup.Load)
		for i, row := range rows {
			view := p.split(row, reach)
			v.Claims = v.Claims || view.Plot != nil
			if i > 0 && row.Cohort == rows[i-1].Cohort {
				view.Cohort = ""
			}
			v.Rows = append(v.Rows, view)
		}
		v.Many = len(o.Settled.Cohorts) > 1
	}
	for _, verdict := range phase.Verdicts {
		if verdict.Claim == nil || verdict.Outcome != reports.Pass || len(v.Rows) == 0 {
			v.Verdicts = append(v.Verdicts, verdict)
		}
	}
	if phase.Routing != nil {
		v.testRules(phase.Routing, p.Report.Phases[:i])
	}
	return v
}

// meanwhile sums up what happened before the phase settled.
func meanwhile(w analysis.Window) string {
	c := w.Total
	if c.Requests == 0 {
		return ""
	}
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(c.Versions)) {
		if version != "" {
			parts = append(parts, format.Number(c.Versions[version])+" answered by "+version)
		}
	}
	for _, flag := range slices.Sorted(maps.Keys(c.Flags)) {
		parts = append(parts, fmt.Sprintf("%s × %s", flag, format.Number(c.Flags[flag])))
	}
	return fmt.Sprintf("While the change was on its way, %s of %s: %s.",
		format.Plural(c.Requests, "request", "requests"), format.Short(w.Took()), strings.Join(parts, ", "))
}

// A proofView is a phase's verdicts on what was looked at beside requests.
type proofView struct {
	Phase    string
	Verdicts []reports.Verdict
}

func (p *page) proofs() {
	for _, phase := range p.Report.Phases {
		proofs := slices.DeleteFunc(slices.Clone(phase.Verdicts), func(v reports.Verdict) bool { return !v.Proof })
		if len(proofs) > 0 {
			p.Proofs = append(p.Proofs, proofView{phase.Name, proofs})
		}
	}
	for _, note := range p.Report.Notes {
		if slices.Contains(p.Report.Findings, note) {
			p.Analysis = append(p.Analysis, note)
		} else {
			p.Notes = append(p.Notes, note)
		}
	}
}
