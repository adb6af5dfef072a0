package reports

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A RoutingGroup is a part of the table of a Routing: a rule, and where the requests that it takes went.
type RoutingGroup struct {
	// Rule is nil for requests that no rule takes, or one of each kind of them.
	Rule *RoutingRule
	// Classes are those of the requests, all with the same places asked.
	Classes []RequestClass
	// Shares has a row for each place that was asked, and then one for each other way in which requests ended.
	Shares []RoutingShare
	// Outcome is the worst of the classes', empty where nothing was asked.
	Outcome Outcome
}

// A RoutingShare is a row of a RoutingGroup.
type RoutingShare struct {
	// Name is the place, and Asked the share that it was to get: empty where it was to get none.
	Name, Asked string
	Seen        analysis.Share
	// Stray tells that requests were not to end there.
	Stray bool
	// Part tells that it is a part of the place before it: one of several versions that answer there.
	Part bool
}

// Groups are the table: rules in their order, and at the end what no rule takes.
func (r *Routing) Groups() []RoutingGroup {
	var all []RoutingGroup
	for number := range len(r.Rules) + 1 {
		takes := (number + 1) % (len(r.Rules) + 1) // 1 to the last one, then 0
		for _, c := range r.Classes {
			if c.Cohort == "" || c.Takes != takes {
				continue
			}
			i := slices.IndexFunc(all, func(g RoutingGroup) bool {
				one := g.Classes[0]
				return one.Takes == takes && slices.EqualFunc(one.Asked, c.Asked, samePlace) &&
					(takes > 0 || len(c.Asked) > 0)
			})
			if i < 0 {
				all, i = append(all, RoutingGroup{Rule: r.rule(takes)}), len(all)
			}
			all[i].Classes = append(all[i].Classes, c)
		}
	}
	for i := range all {
		all[i].add()
	}
	return all
}

func samePlace(a, b Place) bool {
	return a.Host == b.Host && a.Port == b.Port && a.Subset == b.Subset && a.Status == b.Status && a.Copy == b.Copy &&
		a.Percent == b.Percent && a.Policy == b.Policy && a.Refused == b.Refused
}

// add works out the group's rows.
func (g *RoutingGroup) add() {
	asked := g.Classes[0].Asked
	n := 0
	counts := make([]int, len(asked))
	strays := map[string]int{}
	var names []string
	for _, c := range g.Classes {
		n += c.Requests
		for i, p := range asked {
			counts[i] += p.Count(c.Seen)
		}
		for _, l := range Elsewhere(c.Seen, asked) {
			name := l.Words()
			if strays[name] == 0 {
				names = append(names, name)
			}
			strays[name] += l.Count
		}
		if len(asked) > 0 {
			g.Outcome = c.Outcome.orWorse(g.Outcome)
		}
	}
	for i, p := range asked {
		g.Shares = append(g.Shares, RoutingShare{
			Name: p.Name(), Asked: p.Amount() + " %", Seen: analysis.NewShare(counts[i], n),
		})
		g.parts(p, n)
	}
	for _, name := range names {
		g.Shares = append(g.Shares, RoutingShare{
			Name: name, Seen: analysis.NewShare(strays[name], n), Stray: len(asked) > 0,
		})
	}
}

// parts adds, of a place where several versions may answer, who did. The YAML says nothing of their shares: Istio takes
// any of the pods.
func (g *RoutingGroup) parts(p Place, n int) {
	if len(p.Versions) < 2 || p.Copy || p.Policy != "" {
		return
	}
	counts := map[string]int{}
	for _, c := range g.Classes {
		for _, l := range c.Seen {
			if p.Takes(l) {
				counts[l.Version] += l.Count
			}
		}
	}
	for _, version := range slices.Sorted(maps.Keys(counts)) {
		g.Shares = append(g.Shares, RoutingShare{
			Name: "of these by " + version, Seen: analysis.NewShare(counts[version], n), Part: true,
		})
	}
}

// orWorse is the worse of two outcomes of which the other may be none yet.
func (o Outcome) orWorse(other Outcome) Outcome {
	if other == "" {
		return o
	}
	return o.Worse(other)
}

// Title names the group: what a rule asks for, or the requests that no rule takes.
func (g RoutingGroup) Title() string {
	by := ""
	if who := callersOf(g.Classes); who != "" {
		by = ", by " + who
	}
	if g.Rule != nil {
		return g.Rule.If + by
	}
	text := g.Classes[0].Request
	if more := len(g.Classes) - 1; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text + by
}

// Interval is the row's 95 % interval, in percent.
func (s RoutingShare) Interval() string {
	if s.Seen.Of == 0 {
		return ""
	}
	return format.Percent(s.Seen.Low) + " – " + format.Percent(s.Seen.High)
}

// SameRules tells whether two phases have the same rules, as the first and the last of a test that takes a change back.
func (r *Routing) SameRules(other Routing) bool { return reflect.DeepEqual(r.Rules, other.Rules) }

// A RoutingGap is a rule that no request met.
type RoutingGap struct {
	Rule RoutingRule
	Why  string
}

// Known are the remarks, but for those that fail the run: these are among the surprises.
func (r *Routing) Known() []RoutingRemark {
	return slices.DeleteFunc(slices.Clone(r.Remarks), func(m RoutingRemark) bool { return m.Fails })
}

// Gaps are the rules that no request met, each with the reason, but for those that fail the run because none can.
func (r *Routing) Gaps() []RoutingGap {
	var all []RoutingGap
	for i, rule := range r.Rules {
		met, why := false, ""
		for _, c := range r.Classes {
			switch {
			case c.Takes == i+1 && c.Requests > 0:
				met = true
			case c.Takes == i+1 && c.Unsent != "":
				why = c.Words() + " is not sent: " + c.Unsent
			case c.Takes == i+1:
				why = "the run did not get that far"
			}
		}
		if met || r.told(rule) {
			continue
		}
		switch by := r.rule(rule.ShadowedBy); {
		case by != nil:
			why = fmt.Sprintf("every request that would meet it meets %s %s first (%s)", by.Object, by.Path, by.Source)
		case rule.Unmet != "":
			why = rule.Unmet
		case why == "":
			why = "no request was found that meets it"
		}
		all = append(all, RoutingGap{rule, why})
	}
	return all
}

// Sentence sums the test up.
func (r *Routing) Sentence() string {
	counts := map[Outcome]int{}
	for _, g := range r.Groups() {
		if g.Outcome != "" {
			counts[g.Outcome]++
		}
	}
	classes, sent := 0, 0
	for _, c := range r.Classes {
		if c.Cohort != "" {
			classes, sent = classes+1, sent+c.Requests
		}
	}
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{
		{counts[Pass], "rule sends its requests where the YAML says", "rules send their requests where the YAML says"},
		{counts[Fail], "does not", "do not"},
		{counts[Inconclusive] + counts[Invalid], "is open", "are open"},
		{len(r.dead()), "can be met by no request", "can be met by no request"},
		{len(r.otherAnswers()), "answer is not as the YAML says", "answers are not as the YAML says"},
		{len(r.Gaps()), "was met by no request", "were met by no request"},
	} {
		if p.n > 0 {
			parts = append(parts, format.Plural(p.n, p.one, p.many))
		}
	}
	return format.Join(", ", parts...) + fmt.Sprintf(" (%s of %s were sent).",
		format.Plural(sent, "request", "requests"), format.Plural(classes, "class", "classes"))
}
