package text

import (
	"cmp"
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// answers prints what is claimed of answers, and what of it was seen.
func (p *page) answers(r *reports.Routing) {
	for i, row := range r.AnswerRows() {
		if i == 0 {
			p.Section("answers")
		}
		source := "no rule"
		if row.Rule != nil {
			source = row.Rule.Source
		}
		share := fmt.Sprintf("%s of %s, asked %s, seen %s %% (95 %% interval %s to %s)", format.Number(row.Seen.Count),
			format.Number(row.Seen.Of), row.Asked(), format.Percent(row.Seen.Percent), format.Percent(row.Seen.Low),
			format.Percent(row.Seen.High))
		if row.Seen.Of == 0 {
			share = "no answer"
		}
		p.Para(cmp.Or(signs[row.Outcome].mark, "·")+" ", colorOf(row.Outcome), source+"  "+row.Class.Words()+": "+
			row.String())
		p.Para("  ", "", share)
	}
}

// policies prints the rules of AuthorizationPolicies, and what of them was seen.
func (p *page) policies(r *reports.Routing) {
	for i, row := range r.PolicyRows() {
		if i == 0 {
			p.Section("policies")
		}
		mark, color := "-", terminal.Yellow
		if row.Requests > 0 {
			mark, color = cmp.Or(signs[row.Outcome].mark, "·"), colorOf(row.Outcome)
		}
		p.Para(mark+" ", color, fmt.Sprintf("%s  %s %s %s: %s", row.Source, row.Object, row.Path, row.Says, row.If))
		if row.Requests == 0 {
			p.Para("  ", "", "not seen: "+row.Why)
			continue
		}
		p.Para("  ", "", format.Join(" by ", format.Plural(row.Requests, "request", "requests"), row.Callers()))
	}
	first := true
	for _, c := range r.Classes {
		if c.Unjudged == "" {
			continue
		}
		if first {
			p.Section("not judged")
			first = false
		}
		p.Para("- ", "", c.Words()+": "+c.Unjudged)
	}
}
