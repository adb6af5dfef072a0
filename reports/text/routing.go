package text

import (
	"cmp"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// tests tells whether a report is about somebody's own rules.
func tests(r *reports.Report) bool {
	for _, p := range r.Phases {
		if p.Routing != nil {
			return true
		}
	}
	return false
}

// routings prints a test of somebody's own rules: however long, as each rule is asked for.
func (p *page) routings(r *reports.Report, o Options) {
	p.Line("%s  %s", p.Paint(terminal.Bold, terminal.OneLine(r.Scenario)), p.badge(r.Outcome))
	p.Para("", terminal.Dim, r.Title)
	if r.Broken != "" {
		p.Para("! broken  ", terminal.Red, r.Broken)
	}
	var told []*reports.Routing
	for i, phase := range r.Phases {
		if phase.Routing == nil {
			continue
		}
		if len(r.Phases) > 1 {
			p.Section(strings.Join([]string{number(i), phase.Name}, "  "))
		}
		p.Para("", terminal.Bold, phase.Routing.Sentence())
		p.cost(phase)
		p.routing(phase)
		p.claimed(phase)
		// What is known without a request is the same wherever the rules are.
		if !slices.ContainsFunc(told, func(t *reports.Routing) bool { return t.SameRules(*phase.Routing) }) {
			p.known(phase)
		}
		told = append(told, phase.Routing)
	}
	p.Line("")
	for _, problem := range o.Problems {
		p.Para("! ", terminal.Yellow, problem)
	}
	for _, problem := range r.Accounting.Problems {
		if !reports.Stands(r, problem) {
			p.problem("", "accounting: ", r, problem)
		}
	}
	for _, e := range r.Accounting.Troubles {
		p.Para("! ", terminal.Yellow, format.Join(" ", "trouble:", e.Proxy, e.Text))
	}
	p.accounted(r)
	p.ran(r)
	p.more(o)
}

// cost says what a change of the rules cost.
func (p *page) cost(phase reports.Phase) {
	o := phase.Observation
	if o.Change == nil {
		return
	}
	p.Para("", "", reports.TimingInWords(o))
	if o.Transition.Total.Requests > 0 {
		p.transition(o.Transition)
	}
	if o.Rollback != nil {
		p.rollback(*o.Rollback)
	}
	p.lost(phase.Routing.Loss)
}

func number(i int) string { return string(rune('1' + i%9)) }

// routing prints the table of a phase, and what contradicts it.
func (p *page) routing(phase reports.Phase) {
	r := phase.Routing
	t := &terminal.Table{Align: "lrrrr"}
	t.Row("requests that meet a rule end at", "YAML", "seen", "95 % interval", "requests")
	groups := r.Groups()
	for _, g := range groups {
		for _, s := range g.Shares {
			t.Row(s.Name, s.Asked, format.Percent(s.Seen.Percent)+" %", s.Interval(), format.Number(s.Seen.Count))
			if s.Stray {
				t.Paint(len(t.Rows)-1, 0, terminal.Red)
				t.Paint(len(t.Rows)-1, 2, terminal.Red)
			} else if s.Part {
				t.Paint(len(t.Rows)-1, 0, terminal.Dim)
			}
		}
	}
	t.DimHead()
	p.PlainCells(t)
	t.Narrow(0, p.Width-4, 24)
	lines := t.Lines(p.Paint)
	p.Line("")
	p.Line("    %s", lines[0])
	lines = lines[1:]
	for _, g := range groups {
		head := "no rule"
		if g.Rule != nil {
			head = g.Rule.Source
		}
		p.Para(cmp.Or(signs[g.Outcome].mark, "·")+" ", colorOf(g.Outcome), head+"  "+g.Title())
		for range g.Shares {
			p.Line("    %s", lines[0])
			lines = lines[1:]
		}
	}
	p.answers(r)
	p.policies(r)
	p.surprises(r)
	if !phase.Observation.SettledAt.IsZero() {
		p.open(r)
	}
}

// known prints the rules that no request met, and what is known without one.
func (p *page) known(phase reports.Phase) {
	r := phase.Routing
	if gaps := r.Gaps(); !phase.Observation.SettledAt.IsZero() && len(gaps) > 0 {
		p.Section("rules that no request met")
		for _, g := range gaps {
			p.Para("- ", terminal.Yellow, g.Rule.Source+"  "+g.Rule.Object+" "+g.Rule.Path)
			p.Para("  ", "", g.Why)
		}
	}
	p.order(r.Order)
	p.remarks(r)
}

func (p *page) surprises(r *reports.Routing) {
	if len(r.Found) > 0 {
		p.Section("surprises")
	}
	for _, f := range r.Found {
		p.Para("✗ ", terminal.Red, format.Join("  ", f.Source, f.Text))
		p.Para("  do: ", "", f.Do)
	}
}

// shownOpen is how many classes are shown of which nothing can be said, for each of as many reasons.
const shownOpen = 10

// open prints the classes of which nothing can be said, those of one reason together.
func (p *page) open(r *reports.Routing) {
	var reasons []string
	by := map[string][]reports.RequestClass{}
	for _, c := range r.Classes {
		if c.Outcome == "" || c.Outcome == reports.Pass || c.Outcome == reports.Fail {
			continue
		}
		if len(by[c.Reason]) == 0 {
			reasons = append(reasons, c.Reason)
		}
		by[c.Reason] = append(by[c.Reason], c)
	}
	if len(reasons) > 0 {
		p.Section("open")
	}
	for i, reason := range reasons {
		if i == shownOpen {
			p.Line("  and for %d more reasons", len(reasons)-i)
			break
		}
		classes := by[reason]
		mark := cmp.Or(signs[classes[0].Outcome].mark, "!") + " "
		if len(classes) == 1 {
			p.Para(mark, terminal.Yellow, classes[0].Words()+": "+reason)
			continue
		}
		p.Para(mark, terminal.Yellow, format.Plural(len(classes), "class", "classes")+" of requests: "+reason)
		for _, c := range classes[:min(len(classes), shownOpen)] {
			p.Para("  - ", "", c.Words())
		}
		if n := len(classes) - shownOpen; n > 0 {
			p.Line("  - and %d more", n)
		}
	}
}

func (p *page) remarks(r *reports.Routing) {
	for _, part := range []struct {
		name    string
		mistake bool
	}{{"seen in the files, without a request", true}, {"notes", false}} {
		first := true
		for _, m := range r.Known() {
			if m.Mistake != part.mistake {
				continue
			}
			if first {
				p.Section(part.name)
				first = false
			}
			p.Para("- ", "", format.Join("  ", m.Source, format.Join(": ", m.Object, m.Text)))
			p.Para("  do: ", "", m.Do)
		}
	}
	first := true
	for _, c := range r.Classes {
		if c.Unsent == "" {
			continue
		}
		if first {
			p.Section("requests that were not sent")
			first = false
		}
		p.Para("- ", "", c.Words()+": "+c.Unsent)
	}
}

// colorOf is an outcome's, none for a pass.
func colorOf(o reports.Outcome) string {
	if o == reports.Pass {
		return ""
	}
	return signs[o].color
}
