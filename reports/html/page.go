package html

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// marks are what outcomes look like beside their color.
var marks = map[reports.Outcome]string{reports.Pass: "✓", reports.Inconclusive: "?", reports.Invalid: "!", reports.Fail: "✗"}

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
	scale := newScale(r)
	for i, phase := range r.Phases {
		v := p.phase(i, phase, scale)
		if phase.Repeat && phase.Outcome() == reports.Pass {
			p.Repeats = append(p.Repeats, v)
		} else {
			p.Phases = append(p.Phases, v)
		}
	}
	p.Failures = p.failures()
	p.Latency = p.latency()
	p.Accounting = newAccounting(r.Accounting)
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
	Number  int
	Anchor  string
	Name    string
	Outcome reports.Outcome
	// Judged tells that the phase has a verdict.
	Judged bool
	Tags   []string
	Did    string
	// Refused are proxies that would not take the change.
	Refused []string
	Rows    []splitView
	// Verdicts are those that Rows do not say.
	Verdicts []reports.Verdict
	// Small is what was decided, how the change spread, and what happened until it had.
	Small []string
	// Many tells that the rows are of several groups of callers, Claims that any has a Plot.
	Many, Claims bool
	// Reach is how far the edges of the rows' plots are from what was asked, in percentage points.
	Reach string
}

func (p *page) phase(i int, phase reports.Phase, s scale) phaseView {
	o := phase.Observation
	v := phaseView{
		Number: i + 1, Anchor: anchor(i), Name: phase.Name, Outcome: phase.Outcome(), Judged: len(phase.Verdicts) > 0, Did: phase.Did, Reach: number(s.reach, 2),
	}
	if o.Change != nil {
		v.Refused = o.Change.Rejections
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
		v.Tags = append(v.Tags, "the way back")
	}
	if phase.Fixes {
		v.Tags = append(v.Tags, "the fix")
	}
	if o.Settled.Total.Requests > 0 {
		rows := reports.SplitRows(o.Settled, phase.Verdicts, p.Report.Setup.Load)
		cohort := "\x00"
		for _, row := range rows {
			view := p.split(row, s)
			v.Claims = v.Claims || view.Plot != nil
			if row.Cohort == cohort {
				view.Cohort = ""
			}
			cohort = row.Cohort
			v.Rows = append(v.Rows, view)
		}
		v.Many = len(o.Settled.Cohorts) > 1
	}
	for _, verdict := range phase.Verdicts {
		if verdict.Claim == nil || verdict.Outcome != reports.Pass || len(v.Rows) == 0 {
			v.Verdicts = append(v.Verdicts, verdict)
		}
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
	return fmt.Sprintf("While the change was on its way, %s of %s: %s.", plural(c.Requests, "request", "requests"), format.Short(w.Took()), strings.Join(parts, ", "))
}

// answerer names who answered.
func answerer(version string) string { return cmp.Or(version, "no version") }

// plural is a number with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return format.Number(n) + " " + many
}

// join joins the texts that are not empty.
func join(sep string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "" }), sep)
}

// when is text if ok holds.
func when(ok bool, text string) string {
	if !ok {
		return ""
	}
	return text
}

// A proofView is a phase's verdicts on what was looked at beside requests.
type proofView struct {
	Phase    string
	Verdicts []reports.Verdict
}

func (p *page) proofs() {
	for _, phase := range p.Report.Phases {
		v := proofView{Phase: phase.Name}
		for _, verdict := range phase.Verdicts {
			if verdict.Proof {
				v.Verdicts = append(v.Verdicts, verdict)
			}
		}
		if len(v.Verdicts) > 0 {
			p.Proofs = append(p.Proofs, v)
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

func (p *page) environment() {
	r, s := p.Report, p.Report.Setup
	add := func(name, value string) {
		if value != "" {
			p.Facts = append(p.Facts, fact{name, value})
		}
	}
	add("Run", r.Run)
	if !r.Started.IsZero() {
		add("Started", r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if r.Took > 0 {
		add("Took", format.Short(r.Took))
	}
	if s.Cluster != "" {
		add("Cluster", fmt.Sprintf("%s (%s)", s.Cluster, join(", ", s.Provider, s.Why, when(s.Reused, "was running already"))))
	}
	add("Kubernetes", s.Kubernetes)
	add("Istio", s.Istio)
	add("Envoy", s.Envoy)
	add("canarylab", s.Canarylab)
	var machine []string
	if s.CPUs > 0 {
		machine = append(machine, plural(s.CPUs, "CPU", "CPUs"))
	}
	if s.Memory > 0 {
		machine = append(machine, fmt.Sprintf("%.1f GiB", float64(s.Memory)/(1<<30)))
	}
	if s.Kernel != "" {
		machine = append(machine, "kernel "+s.Kernel)
	}
	add("Machine", strings.Join(machine, ", "))
	add("Load", reports.LoadInWords(s.Load))
	if len(r.BringUp) > 0 {
		var end time.Duration
		for _, step := range r.BringUp {
			end = max(end, step.Start+step.Took)
		}
		add("Bring-up", fmt.Sprintf("%s, in %s", format.Short(end), plural(len(r.BringUp), "step", "steps")))
	}
	add("About the cluster", strings.Join(s.About, " "))
	p.Commands = commands(r)
}

// commands play the same again.
func commands(r *reports.Report) []string {
	if !plain(r.Scenario) {
		return nil
	}
	cluster, pods := "", ""
	if plain(r.Setup.Provider) {
		cluster = " --cluster " + r.Setup.Provider
	}
	if n := r.Setup.Load.Agents; n > 1 {
		pods = fmt.Sprintf(" --load-pods %d", n)
	}
	all := []string{"canarylab scenario run " + r.Scenario + cluster + pods}
	if pods == "" && plain(r.Setup.Provider) {
		all = append(all, "make scenario NAME="+r.Scenario+" CLUSTER="+r.Setup.Provider)
	}
	return all
}

// plain tells whether a name can stand in a command as it is: a report may come from anywhere, and a command is there to be copied.
func plain(name string) bool {
	return name != "" && !strings.HasPrefix(name, "-") && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// A accountingView is the books as a table.
type accountingView struct {
	analysis.Accounting
	Rows  [][]string
	Apps  []string
	Pace  []string
	Agent string
	Stall string
	// Listed are the first of the unexplained things, More is how many more there are.
	Listed []string
	More   int
	Events []string
}

// listedUnexplained is how many are listed.
const listedUnexplained = 10

func newAccounting(b analysis.Accounting) accountingView {
	v := accountingView{Accounting: b}
	sum := analysis.Row{Phase: "all"}
	for _, r := range b.Rows {
		sum.Sent, sum.Routed, sum.Exempt, sum.Unsent, sum.Served = sum.Sent+r.Sent, sum.Routed+r.Routed, sum.Exempt+r.Exempt, sum.Unsent+r.Unsent, sum.Served+r.Served
		sum.Bare, sum.App, sum.Answered, sum.Unexplained = sum.Bare+r.Bare, sum.App+r.App, sum.Answered+r.Answered, sum.Unexplained+r.Unexplained
	}
	rows := b.Rows
	if len(rows) > 0 {
		rows = append(slices.Clone(rows), sum)
	}
	for _, r := range rows {
		with := func(n int, extra ...string) string {
			return join(" + ", append([]string{format.Number(n)}, extra...)...)
		}
		v.Rows = append(v.Rows, []string{
			cmp.Or(r.Phase, "(between)"), format.Number(r.Sent),
			with(r.Routed, when(r.Exempt > 0, format.Number(r.Exempt)+" plain"), when(r.Unsent > 0, format.Number(r.Unsent)+" unsent")),
			with(r.Served, when(r.Bare > 0, format.Number(r.Bare)+" bare")),
			format.Number(r.App), format.Number(r.Answered), format.Number(r.Unexplained),
		})
	}
	versions := map[string]bool{}
	for version := range b.Answered {
		versions[version] = true
	}
	for version := range b.Received {
		versions[version] = true
	}
	for _, version := range slices.SortedFunc(maps.Keys(versions), byNumber) {
		counter := "was never read"
		if n, ok := b.Received[version]; ok {
			counter = "says " + format.Number(int(min(n, math.MaxInt64)))
		}
		v.Apps = append(v.Apps, fmt.Sprintf("%s answered %s, its own counter %s", answerer(version), format.Number(b.Answered[version]), counter))
	}
	if b.Aborted > 0 {
		v.Apps = append(v.Apps, format.Number(b.Aborted)+" reached an app and got no answer")
	}
	for _, c := range b.Pace {
		v.Pace = append(v.Pace, fmt.Sprintf("%s: %.1f of %.1f requests a second (limit %g %%); sent late by %s at p99 (limit %s), %s at most",
			c.Cohort, c.Achieved, c.Planned, 100*analysis.MaxRateError, format.Short(c.LagP99), format.Short(analysis.MaxLagP99), format.Short(c.LagMax)))
	}
	if g := b.Generator; g.Known {
		agent := "Load agent"
		if g.Agents > 1 {
			agent = "The busiest of " + plural(g.Agents, "load agent", "load agents")
		}
		v.Agent = fmt.Sprintf("%s: %.0f %% of its processors (limit %.0f %%), its threads waited %.1f %% of the time for one; longest standstill %s; clock moved %s (limit %s).",
			agent, 100*g.CPU, 100*analysis.MaxCPU, 100*g.RunDelay, format.Short(g.Stall), format.Short(g.ClockStep), format.Short(analysis.MaxClockStep))
		if g.ClockError > 0 {
			v.Agent += fmt.Sprintf(" Its clock is on another machine and known to within %s, by which brackets are wider.", format.Short(g.ClockError))
		}
		if g.Stalls > 0 {
			v.Stall = fmt.Sprintf("The load agent stood still %s for more than %s, the longest until %s: requests of that time were sent late.",
				plural(g.Stalls, "time", "times"), format.Short(analysis.MaxStall), g.StallAt.UTC().Format("15:04:05.000"))
		}
	}
	for i, u := range b.Unexplained {
		if i == listedUnexplained {
			break
		}
		v.Listed = append(v.Listed, join(": ", join(" in phase ", u.ID, u.Phase), u.Why))
	}
	v.More = max(b.UnexplainedTotal-len(v.Listed), 0)
	for _, e := range b.Troubles {
		v.Events = append(v.Events, join(" ", e.At.UTC().Format("15:04:05.000"), when(e.Phase != "", "in phase "+e.Phase+":"),
			when(e.Proxy != "", e.Proxy+" refused a configuration:"), e.Text))
	}
	return v
}
