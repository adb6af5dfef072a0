package reports

import (
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A RoutingAnswer is a claim about the answers of a class: what the proxy makes of requests and answers by the YAML.
type RoutingAnswer struct {
	// Note is what the load agent notes, such as "the path that the app sees", and Want what it is to be, empty for
	// absent. Percent of the answers are to have it.
	Note    string  `json:"note"`
	Want    string  `json:"want"`
	Percent float64 `json:"percent"`
	// Seen is how many had it of those of which it was noted. Outcome and Reason are the verdict's.
	Seen    analysis.Share `json:"seen"`
	Outcome Outcome        `json:"outcome,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	// Claim is what was claimed, as the verdict has it.
	Claim string `json:"claim"`
}

// String is "the path that the app sees is /v1/x".
func (a RoutingAnswer) String() string {
	switch {
	case a.Want == "yes":
		return a.Note
	case a.Want == "":
		return a.Note + " is absent"
	}
	return a.Note + " is " + a.Want
}

// Asked is the share of the answers that are to be so.
func (a RoutingAnswer) Asked() string { return Place{Percent: a.Percent}.Amount() + " %" }

// judgeAnswers adds what was seen of the claims about answers.
func (c *RequestClass) judgeAnswers(counts analysis.Counts, verdicts []Verdict) {
	for i := range c.Answers {
		a := &c.Answers[i]
		n := 0
		for _, count := range counts.Noted[a.Note] {
			n += count
		}
		a.Seen = analysis.NewShare(counts.Noted[a.Note][a.Want], n)
		j := slices.IndexFunc(verdicts, func(v Verdict) bool { return v.Kind == KindNoted && v.Want == a.Claim })
		if j >= 0 {
			a.Outcome, a.Reason = verdicts[j].Outcome, verdicts[j].Why
		}
	}
}

// An AnswerRow is a row of the table of answers: a claim about them, of one class.
type AnswerRow struct {
	RoutingAnswer
	Class RequestClass
	// Rule is nil where no rule takes the requests.
	Rule *RoutingRule
}

// AnswerRows are what is claimed of answers, rules in their order.
func (r *Routing) AnswerRows() []AnswerRow {
	var all []AnswerRow
	for _, c := range r.Classes {
		for _, a := range c.Answers {
			all = append(all, AnswerRow{a, c, r.rule(c.Takes)})
		}
	}
	slices.SortStableFunc(all, func(a, b AnswerRow) int { return a.Class.Takes - b.Class.Takes })
	return all
}

// otherAnswers are the answers that contradict the YAML, as findings.
func (r *Routing) otherAnswers() []RoutingFinding {
	var all []RoutingFinding
	for _, row := range r.AnswerRows() {
		if row.Outcome != Fail {
			continue
		}
		f := RoutingFinding{Classes: []string{row.Class.Cohort}, Rule: row.Class.Takes}
		says := "the YAML says"
		if row.Rule != nil {
			f.Source = row.Rule.Source
			says = row.Rule.Object + " " + row.Rule.Path + " says"
		}
		f.Text = fmt.Sprintf("%s: %s that %s%s. It is so for %s: %s.", row.Class.Words(), says, row,
			format.When(row.Percent < 100, " for "+row.Asked()), row.Seen, row.Reason)
		f.Do = "Look for a filter or another rule that changes it after this one, and at the route that reached the " +
			"proxy: istioctl proxy-config route."
		all = append(all, f)
	}
	return all
}
