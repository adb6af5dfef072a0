package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// A view is a comparison in words, as all renderers show it. It is not escaped.
type view struct {
	Title, Subtitle string
	// Outcomes have a headline for each pair, or why nothing could come out, with what more there is to say.
	Outcomes    [][2]string
	Runs, Setup grid
	Equal       string
	Sections    []section
	// Verdicts are those that are not the same: what was claimed, and the outcomes.
	Verdicts        [][2]string
	Method          string
	Warnings, Notes []string
	// Several tells that there are several pairs, Differ that a figure of any of them differs.
	Several, Differ bool
}

// A grid is a table with a head.
type grid struct {
	Head []string
	// Left is how many columns are texts.
	Left int
	Rows [][]string
}

// A section is a pair's figures of one kind.
type section struct {
	// Base and Other are letters.
	Title, Base, Other string
	Unit               Unit
	// Scale labels the left end, the middle and the right end of the plots.
	Scale  [3]string
	Groups []group
	// Alike tells that no figure of it is different.
	Alike bool
}

// A group are the figures of a phase, or of the whole run.
type group struct {
	Name string
	Rows []row
}

// A row is a figure.
type row struct {
	Figure                                  *Figure
	Name, Base, Other, Difference, Interval string
	Details                                 []string
	Plot                                    *plot
}

// looks are how judgements are shown: by a sign, the style sheet's class, and a color of the terminal.
var looks = map[Judgement]struct{ sign, class, color string }{
	Different: {"≠", "different", terminal.Blue},
	NotShown:  {"=", "alike", ""},
	NotJudged: {"?", "unjudged", terminal.Yellow},
}

// titles are those of the kinds' sections.
var titles = []struct {
	kind  Kind
	title string
}{
	{ShareKind, "claimed shares"},
	{LandingKind, "where requests ended, by class"},
	{FailureKind, "other failures by flag"},
	{RollbackKind, "rollbacks, until the last affected request"},
	{DecisionKind, "decisions about the canary, from its first bad answer"},
	{LatencyKind, "latency while settled"},
}

func newView(c *Comparison) view {
	var sides []string
	for i := range c.sideCount() {
		sides = append(sides, letter(i))
	}
	v := view{
		Title:    cmp.Or(clean(c.Scenario), "different scenarios") + " · " + strings.Join(sides, ", "),
		Subtitle: clean(c.Title), Method: c.method(), Warnings: cleaned(c.Warnings), Notes: cleaned(c.Notes),
		Runs:    newRunsGrid(c.Runs),
		Setup:   grid{Head: append([]string{""}, sides...), Left: 1 + len(sides)},
		Several: len(c.Pairs) > 1,
	}
	for _, s := range c.Differing {
		v.Setup.Rows = append(v.Setup.Rows, append([]string{s.Name}, cleaned(s.Values)...))
	}
	var equal []string
	for _, s := range c.Equal {
		equal = append(equal, s.Name+" "+clean(s.Values[0]))
	}
	v.Equal = strings.Join(equal, " · ")
	if c.Mismatch != "" {
		v.Outcomes = append(v.Outcomes, [2]string{clean(c.Mismatch)})
	}
	for _, p := range c.Pairs {
		v.Outcomes = append(v.Outcomes, [2]string{clean(p.Headline()), clean(p.Summary())})
		v.Differ = v.Differ || len(p.Different()) > 0
		for _, t := range titles {
			if s, ok := newSection(p, t.kind, t.title); ok {
				v.Sections = append(v.Sections, s)
			}
		}
		for _, change := range p.Verdicts {
			became := fmt.Sprintf("%s %s, %s %s", p.Base, outcomes(change.Base), p.Other, outcomes(change.Other))
			v.Verdicts = append(v.Verdicts, [2]string{clean(change.Phase + ": " + change.Want), clean(became)})
		}
	}
	return v
}

func newRunsGrid(runs []Run) grid {
	g := grid{Left: 3, Head: []string{
		"", "run", "outcome", "requests", "failed", "unexplained", "sent late, p99", "agent's CPU", "took",
	}}
	for _, r := range runs {
		cpu := "-"
		if r.CPU != nil {
			cpu = fmt.Sprintf("%.0f %%", 100*(*r.CPU))
		}
		g.Rows = append(g.Rows, []string{
			r.Side, clean(r.Name), clean(string(r.Outcome)), format.Number(r.Requests), format.Number(r.Failed),
			format.Number(r.Unexplained), duration(r.LagP99MS), cpu, duration(r.TookMS),
		})
	}
	return g
}

// heading is a section's title, with the pair where there are several.
func (v view) heading(s section) string {
	return format.When(v.Several, s.Other+" against "+s.Base+": ") + s.Title
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
	seen := map[string]bool{}
	for _, r := range c.Runs {
		seen[r.Side] = true
	}
	return len(seen)
}

// newSection is not ok where the pair has no figure of the kind.
func newSection(p Pair, kind Kind, title string) (s section, ok bool) {
	figures := slices.DeleteFunc(slices.Clone(p.Figures), func(f *Figure) bool { return f.Kind != kind })
	most := reach(figures)
	s = section{Title: title, Base: p.Base, Other: p.Other, Alike: true}
	for i, f := range figures {
		s.Unit, s.Alike = f.Unit, s.Alike && f.Judgement == NotShown
		if i == 0 || figures[i-1].Phase != f.Phase {
			s.Groups = append(s.Groups, group{Name: clean(f.Phase)})
		}
		g := &s.Groups[len(s.Groups)-1]
		g.Rows = append(g.Rows, newRow(p, f, most))
	}
	s.Scale = scaleOf(most, s.Unit)
	return s, len(figures) > 0
}

func newRow(p Pair, f *Figure, most float64) row {
	r := row{
		Figure: f, Name: clean(f.Name), Base: f.valueText(f.Base), Other: f.valueText(f.Other), Plot: newPlot(f, most),
	}
	if f.Difference != nil {
		r.Difference = signed(*f.Difference, f.Unit)
		if f.Confidence > 0 {
			r.Interval = span(f.Low, f.High, f.Unit)
		}
	}
	details := []string{format.Named(p.Base, f.says(f.Base)), format.Named(p.Other, f.says(f.Other)), f.Why}
	r.Details = cleaned(slices.DeleteFunc(details, func(s string) bool { return s == "" }))
	return r
}

// says is what a value's number alone does not: of how many it is, and what bounds it.
func (f *Figure) says(v Value) string {
	many := f.Kind == RollbackKind && v.N > 1 && v.Runs == 1
	switch {
	case f.isShare():
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

// outcomes prints outcomes of several runs: "pass", "2 × pass, 1 × fail".
func outcomes(all []reports.Outcome) string {
	if len(all) == 1 {
		return string(all[0])
	}
	n := map[reports.Outcome]int{}
	for _, o := range all {
		n[o]++
	}
	var parts []string
	for _, o := range all {
		if n[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d × %s", n[o], o))
			delete(n, o)
		}
	}
	return strings.Join(parts, ", ")
}
