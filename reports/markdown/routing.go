package markdown

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

// routings are the tables of a test of somebody's own rules, with what contradicts the YAML, and what was not met.
func routings(b *strings.Builder, r *reports.Report) {
	for _, p := range r.Phases {
		if p.Routing == nil {
			continue
		}
		if len(r.Phases) > 1 {
			fmt.Fprintf(b, "\n**%s**\n", cell(p.Name))
		}
		fmt.Fprintf(b, "\n%s\n", para(p.Routing.Sentence()))
		var rows [][]string
		for _, g := range p.Routing.Groups() {
			source := "no rule"
			if g.Rule != nil {
				source = g.Rule.Source
			}
			for i, s := range g.Shares {
				row := []string{"", "", "", cell(s.Name), s.Asked, format.Percent(s.Seen.Percent) + " %", s.Interval()}
				if i == 0 {
					row[1], row[2] = cell(source), cell(g.Title())
					if g.Outcome != "" {
						row[0] = mark(g.Outcome)
					}
				}
				if s.Stray {
					row[5] = "**" + row[5] + "**"
				}
				rows = append(rows, row)
			}
		}
		table(b, []string{"", "rule", "requests that meet", "end at", "YAML", "seen", "95 % interval"}, rows)
		for _, f := range p.Routing.Found {
			fmt.Fprintf(b, "\n- ❌ %s *%s*", para(format.Join(" ", f.Source, f.Text)), para(f.Do))
		}
		if len(p.Routing.Found) > 0 {
			b.WriteString("\n")
		}
		answers(b, p.Routing)
		policies(b, p.Routing)
		if p.Routing.Loss != nil {
			fmt.Fprintf(b, "\n%s\n", para(p.Routing.Loss.Sentence()))
		}
		for i, step := range p.Routing.Order {
			if i == 0 {
				b.WriteString("\nA safe order:\n\n")
			}
			fmt.Fprintf(b, "%d. %s\n", i+1, para(step))
		}
		gaps(b, p.Routing)
	}
}

// answers are what is claimed of answers, and what of it was seen.
func answers(b *strings.Builder, r *reports.Routing) {
	var rows [][]string
	for _, row := range r.AnswerRows() {
		rule := "no rule"
		if row.Rule != nil {
			rule = row.Rule.Source
		}
		rows = append(rows, []string{
			mark(row.Outcome), cell(rule), cell(row.Class.Words()), cell(row.String()), row.Asked(),
			format.Percent(row.Seen.Percent) + " %",
			format.Percent(row.Seen.Low) + " – " + format.Percent(row.Seen.High),
		})
	}
	if len(rows) > 0 {
		b.WriteString("\n")
		table(b, []string{"", "rule", "requests", "is to be so", "YAML", "seen", "95 % interval"}, rows)
	}
}

// policies are the rules of AuthorizationPolicies, and what of them was seen.
func policies(b *strings.Builder, r *reports.Routing) {
	var rows [][]string
	for _, p := range r.PolicyRows() {
		row := []string{"", cell(p.Source), cell(p.Object + " " + p.Path), cell(p.Says + ": " + p.If), cell(p.Why)}
		if p.Requests > 0 {
			row[0] = mark(p.Outcome)
			row[4] = cell(format.Join(" by ", format.Plural(p.Requests, "request", "requests"), p.Callers()))
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		b.WriteString("\n")
		table(b, []string{"", "policy", "", "says", "seen"}, rows)
	}
}

// gaps are the rules that no request met, and what is known without any.
func gaps(b *strings.Builder, r *reports.Routing) {
	for i, g := range r.Gaps() {
		if i == 0 {
			b.WriteString("\nRules that no request met:\n\n")
		}
		fmt.Fprintf(b, "- %s %s: %s\n", cell(g.Rule.Source), cell(g.Rule.Object+" "+g.Rule.Path), cell(g.Why))
	}
	fold(b, "Seen in the files, and notes", func(b *strings.Builder) {
		for _, m := range r.Known() {
			fmt.Fprintf(b, "\n- %s", para(format.Join(" ", m.Source, format.Join(": ", m.Object, m.Text), m.Do)))
		}
		for _, c := range r.Classes {
			if c.Unsent != "" {
				fmt.Fprintf(b, "\n- %s is not sent: %s", cell(c.Words()), cell(c.Unsent))
			}
		}
	})
}
