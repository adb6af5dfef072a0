package html

import (
	_ "embed" // a part of the page
	"slices"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

//go:embed routing.tmpl
var routingTemplate string

// A routingView is the table of a phase that tests somebody's own rules, with what contradicts the YAML.
type routingView struct {
	Sentence, Loss string
	Groups         []ruleView
	Answers        []answerView
	Policies       []policyView
	Found          []reports.RoutingFinding
	Gaps           []reports.RoutingGap
	Order          []string
	// Seen are remarks that look like mistakes, and Notes others with the requests that were not sent.
	Seen, Notes []string
}

// A ruleView is a rule, and where the requests that meet it went.
type ruleView struct {
	Outcome       reports.Outcome
	Source, Title string
	Rows          []placeView
}

// A placeView is one of the ways in which requests ended.
type placeView struct {
	Name, Asked, Seen, Interval, Count string
	Stray, Part                        bool
}

// An answerView is a claim about answers, and what of it was seen.
type answerView struct {
	Outcome                                    reports.Outcome
	Source, Title, Name, Asked, Seen, Interval string
}

// A policyView is a rule of an AuthorizationPolicy, and what of it was seen. By says why, where no request was.
type policyView struct {
	Outcome                       reports.Outcome
	Source, Name, Says, By, Count string
}

// newRouting is the view of a phase's Routing. told tells that an earlier phase had the same rules, so that what is
// known without a request is said already.
func newRouting(r *reports.Routing, told bool) *routingView {
	v := &routingView{Sentence: r.Sentence(), Found: r.Found, Order: r.Order}
	if r.Loss != nil {
		v.Loss = r.Loss.Sentence()
	}
	for _, g := range r.Groups() {
		rule := ruleView{Outcome: g.Outcome, Source: "no rule", Title: g.Title()}
		if g.Rule != nil {
			rule.Source = g.Rule.Source
		}
		for _, s := range g.Shares {
			rule.Rows = append(rule.Rows, placeView{
				Name: s.Name, Asked: s.Asked, Seen: format.Percent(s.Seen.Percent) + " %", Interval: s.Interval(),
				Count: format.Number(s.Seen.Count), Stray: s.Stray, Part: s.Part,
			})
		}
		v.Groups = append(v.Groups, rule)
	}
	v.addAnswers(r)
	v.addPolicies(r)
	if told {
		return v
	}
	v.Gaps = r.Gaps()
	for _, m := range r.Known() {
		text := format.Join(" ", m.Source, format.Join(": ", m.Object, m.Text), m.Do)
		if m.Mistake {
			v.Seen = append(v.Seen, text)
		} else {
			v.Notes = append(v.Notes, text)
		}
	}
	for _, c := range r.Classes {
		if c.Unsent != "" {
			v.Notes = append(v.Notes, c.Words()+" is not sent: "+c.Unsent)
		}
	}
	return v
}

// addAnswers adds what is claimed of answers.
func (v *routingView) addAnswers(r *reports.Routing) {
	for _, row := range r.AnswerRows() {
		one := answerView{
			Outcome: row.Outcome, Source: "no rule", Title: row.Class.Words(), Name: row.String(), Asked: row.Asked(),
			Seen:     format.Percent(row.Seen.Percent) + " %",
			Interval: format.Percent(row.Seen.Low) + " – " + format.Percent(row.Seen.High),
		}
		if row.Rule != nil {
			one.Source = row.Rule.Source
		}
		v.Answers = append(v.Answers, one)
	}
}

// addPolicies adds the rules of AuthorizationPolicies.
func (v *routingView) addPolicies(r *reports.Routing) {
	for _, p := range r.PolicyRows() {
		one := policyView{Source: p.Source, Name: p.Object + " " + p.Path, Says: p.Says + ": " + p.If, By: p.Why}
		if p.Requests > 0 {
			one.Outcome, one.By, one.Count = p.Outcome, p.Callers(), format.Number(p.Requests)
		}
		v.Policies = append(v.Policies, one)
	}
}

// testRules has a phase that tests somebody's rules show their table in the place of a row for each class.
func (v *phaseView) testRules(r *reports.Routing, before []reports.Phase) {
	v.Routing = newRouting(r, slices.ContainsFunc(before, func(p reports.Phase) bool {
		return p.Routing != nil && p.Routing.SameRules(*r)
	}))
	v.Rows = nil
	v.Verdicts = slices.DeleteFunc(v.Verdicts, func(one reports.Verdict) bool {
		return one.Kind == reports.KindLands || one.Kind == reports.KindNoted ||
			one.Kind == reports.KindStays && one.Outcome == reports.Pass
	})
}
