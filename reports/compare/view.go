package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

// A view is a comparison in words, as all renderers show it. It is not escaped.
type view struct {
	title, subtitle string
	// headlines say what came out, one for each pair, or why nothing could. summaries say more of each; they
	// may be empty.
	headlines, summaries []string
	runs                 grid
	setup                grid
	equal                string
	sections             []section
	// verdicts are those that are not the same, as lines of two parts: what was claimed, and the outcomes.
	verdicts [][2]string
	method   string
	warnings []string
	notes    []string
}

// A grid is a table with a head.
type grid struct {
	head []string
	// left is how many columns are texts.
	left int
	rows [][]string
}

// A section is a pair's figures of one kind.
type section struct {
	title string
	// base and other are letters.
	base, other string
	groups      []group
	// none tells that no figure of it is different.
	none bool
}

// A group are the figures of a phase, or of the whole run.
type group struct {
	name string
	rows []row
}

// A row is a figure.
type row struct {
	figure               *Figure
	name, base, other    string
	difference, interval string
	details              []string
}

// titles are those of the kinds' sections.
var titles = []struct {
	kind  Kind
	title string
}{
	{ShareKind, "claimed shares"},
	{FailureKind, "other failures by flag"},
	{RollbackKind, "rollbacks, until the last affected request"},
	{DecisionKind, "decisions about the canary, from its first bad answer"},
	{LatencyKind, "latency while settled"},
}

func newView(c *Comparison) view {
	v := view{
		title: cmp.Or(clean(c.Scenario), "different scenarios"), subtitle: clean(c.Title), method: c.method(),
		warnings: cleaned(c.Warnings), notes: cleaned(c.Notes),
	}
	sides := ""
	for i := range c.sideCount() {
		sides += format.When(i > 0, ", ") + letter(i)
	}
	v.title += " · " + sides
	if c.Mismatch != "" {
		v.headlines, v.summaries = append(v.headlines, clean(c.Mismatch)), append(v.summaries, "")
	}
	for _, p := range c.Pairs {
		v.headlines, v.summaries = append(v.headlines, clean(p.Headline())), append(v.summaries, clean(p.Summary()))
	}
	v.runs = grid{
		head: []string{
			"", "run", "outcome", "requests", "failed", "unexplained", "sent late, p99", "agent's CPU", "took",
		},
		left: 3,
	}
	for _, r := range c.Runs {
		cpu := "-"
		if r.CPU != nil {
			cpu = fmt.Sprintf("%.0f %%", 100*(*r.CPU))
		}
		v.runs.rows = append(v.runs.rows, []string{
			r.Side, clean(r.Name), clean(string(r.Outcome)), format.Number(r.Requests), format.Number(r.Failed),
			format.Number(r.Unexplained),
			duration(r.LagP99MS), cpu, duration(r.TookMS),
		})
	}
	v.setup = grid{head: []string{""}, left: 1 + c.sideCount()}
	for i := range c.sideCount() {
		v.setup.head = append(v.setup.head, letter(i))
	}
	for _, s := range c.Differing {
		v.setup.rows = append(v.setup.rows, append([]string{s.Name}, cleaned(s.Values)...))
	}
	var equal []string
	for _, s := range c.Equal {
		equal = append(equal, s.Name+" "+clean(s.Values[0]))
	}
	v.equal = strings.Join(equal, " · ")
	for _, p := range c.Pairs {
		for _, t := range titles {
			if s, ok := newSection(p, t.kind); ok {
				s.title = t.title
				v.sections = append(v.sections, s)
			}
		}
		for _, change := range p.Verdicts {
			became := fmt.Sprintf("%s %s, %s %s", p.Base, outcomes(change.Base), p.Other, outcomes(change.Other))
			v.verdicts = append(v.verdicts, [2]string{clean(change.Phase + ": " + change.Want), clean(became)})
		}
	}
	return v
}

// clean makes a text of one line out of one that may come from outside.
func clean(text string) string { return strings.Join(strings.Fields(format.Printable(text)), " ") }

func cleaned(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = clean(t)
	}
	return out
}

// sideCount is how many sides there are.
func (c *Comparison) sideCount() int {
	n := 0
	last := ""
	for _, r := range c.Runs {
		if r.Side != last {
			n, last = n+1, r.Side
		}
	}
	return n
}

func newSection(p Pair, kind Kind) (s section, ok bool) {
	s = section{base: p.Base, other: p.Other, none: true}
	for _, f := range p.Figures {
		if f.Kind != kind {
			continue
		}
		s.none = s.none && f.Judgement == NotShown
		if len(s.groups) == 0 || s.groups[len(s.groups)-1].rows[0].figure.Phase != f.Phase {
			s.groups = append(s.groups, group{name: clean(f.Phase)})
		}
		g := &s.groups[len(s.groups)-1]
		g.rows = append(g.rows, newRow(p.Base, p.Other, f))
	}
	return s, len(s.groups) > 0
}

func newRow(base, other string, f *Figure) row {
	r := row{figure: f, name: clean(f.Name), base: f.valueText(f.Base), other: f.valueText(f.Other)}
	if f.Difference != nil {
		r.difference = signed(*f.Difference, f.Unit)
		if f.Confidence > 0 {
			r.interval = span(f.Low, f.High, f.Unit)
		}
	}
	r.details = []string{
		format.When(f.says(f.Base) != "", base+" "+f.says(f.Base)),
		format.When(f.says(f.Other) != "", other+" "+f.says(f.Other)), f.Why,
	}
	r.details = slices.DeleteFunc(r.details, func(s string) bool { return s == "" })
	r.details = cleaned(r.details)
	return r
}

// says is what a value's number alone does not: of how many it is, and what bounds it.
func (f *Figure) says(v Value) string {
	many := f.Kind == RollbackKind && v.N > 1 && v.Runs == 1
	switch {
	case f.Kind == ShareKind || f.Kind == FailureKind:
		return format.When(v.Runs > 1 && *v.Low < *v.High, f.rangeText(v)+" %, "+format.Plural(v.Runs, "run", "runs"))
	case v.Runs > 1 || many:
		n := format.Plural(v.Runs, "run", "runs")
		if many {
			n = format.Plural(v.N, "time", "times")
		}
		return format.Join(", ", format.When(v.Number != nil, "median of "+n+", "+f.rangeText(v)),
			format.When(v.Number == nil, n), v.Detail)
	case f.Kind == LatencyKind, f.Kind == DecisionKind:
		return ""
	}
	return format.Join(", ", format.When(v.Number != nil, "99 % bracket "+f.rangeText(v)), v.Detail)
}

// mark is what a judgement looks like.
func (j Judgement) mark() string {
	switch j {
	case Different:
		return "≠"
	case NotShown:
		return "="
	}
	return "?"
}

// outcomes prints outcomes of several runs: "pass", "2 × pass, 1 × fail".
func outcomes(all []reports.Outcome) string {
	n := map[reports.Outcome]int{}
	var order []reports.Outcome
	for _, o := range all {
		if n[o] == 0 {
			order = append(order, o)
		}
		n[o]++
	}
	if len(all) == 1 {
		return string(all[0])
	}
	var parts []string
	for _, o := range order {
		parts = append(parts, fmt.Sprintf("%d × %s", n[o], o))
	}
	return strings.Join(parts, ", ")
}
