// Package describe tells what a scenario does, why it goes as it does, and what to do about it: on a terminal's
// screen, and on a page of the documentation. All of it is made from the scenario itself.
package describe

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
)

// A Description is a scenario in words.
type Description struct {
	Name   string       `json:"name"`
	Title  string       `json:"title"`
	Labels []string     `json:"labels,omitempty"`
	Story  string       `json:"story,omitempty"`
	Load   loadgen.Plan `json:"load"`
	Phases []Phase      `json:"phases"`
	// Repeated counts the phases that do once more what others did, and that are not told.
	Repeated int      `json:"repeated,omitempty"`
	Cause    string   `json:"cause,omitempty"`
	Source   string   `json:"source,omitempty"`
	See      []string `json:"see,omitempty"`
	Fix      string   `json:"fix,omitempty"`
	Back     string   `json:"back,omitempty"`
}

// A Phase is one phase in words.
type Phase struct {
	Name   string   `json:"name"`
	Does   string   `json:"does,omitempty"`
	Breaks bool     `json:"breaks,omitempty"`
	Fixes  bool     `json:"fixes,omitempty"`
	Awaits []string `json:"awaits,omitempty"`
	Until  string   `json:"until,omitempty"`
	// Odds is how often Until is wrong, where Until does not say it.
	Odds   string   `json:"odds,omitempty"`
	Proves []string `json:"proves,omitempty"`
	Claims []string `json:"claims,omitempty"`
}

// Of describes a scenario.
func Of(s harness.Scenario) Description {
	d := Description{
		Name: s.Name, Title: s.Title, Labels: s.Labels, Story: s.Story, Load: s.Load,
		Cause: s.Cause, Source: s.Source, See: s.See, Fix: s.Fix, Back: s.Back,
	}
	for i, p := range s.Phases {
		if p.Repeat {
			d.Repeated++
			continue
		}
		phase := Phase{
			Name: p.Name, Breaks: p.Breaks, Fixes: p.Fixes,
			Awaits: words(p.Await), Proves: words(p.Prove), Claims: words(p.Expect),
		}
		if p.Until != nil {
			phase.Until, phase.Odds = p.Until.String(), s.Odds(i)
		}
		if p.Do != nil {
			phase.Does = p.Do.String()
		}
		d.Phases = append(d.Phases, phase)
	}
	return d
}

// words are the texts of facts or claims.
func words[T fmt.Stringer](all []T) (texts []string) {
	for _, one := range all {
		texts = append(texts, one.String())
	}
	return texts
}

// role says what a phase is in the story, empty for most.
func (p Phase) role() string {
	switch {
	case p.Breaks && p.Fixes:
		return "breaks it and mends it"
	case p.Breaks:
		return "breaks it"
	case p.Fixes:
		return "mends it"
	}
	return ""
}

// cohorts are the callers, a text each.
func cohorts(plan loadgen.Plan) []string {
	var all []string
	for _, c := range plan.Cohorts {
		text := fmt.Sprintf("%s %g requests a second", c.Name, plan.RateOf(c.Name))
		switch c.Via() {
		case loadgen.Plain:
			text += " from a pod without a sidecar"
		case loadgen.Gateway:
			text += " through the ingress gateway"
		}
		if c.URL != "" {
			text += " to " + c.URL
		}
		if c.Users > 0 {
			text += " by " + format.Number(c.Users) + " users"
		}
		if c.Socket {
			text += ", each a WebSocket"
		}
		if c.GRPC != nil {
			text += ", by " + reports.CallsInWords(plan, c)
		}
		if c.TCP != nil {
			text += ", by " + reports.ConnectionsInWords(c)
		}
		lead := " with "
		for _, name := range slices.Sorted(maps.Keys(c.Header)) {
			text += lead + name + ": " + c.Header[name]
			lead = " and "
		}
		all = append(all, text)
	}
	if plan.Shape != nil {
		all = append(all, "all of it "+plan.Shape.String())
	}
	if plan.FreshConnections {
		all = append(all, "a new connection for each")
	}
	return all
}

// method is the plan's, which GET is where it says none.
func method(plan loadgen.Plan) string { return cmp.Or(plan.Method, "GET") }

// GoFile is the file with a scenario's literal, in the folder of the catalogue.
func GoFile(scenario string) string { return strings.ReplaceAll(scenario, "-", "_") + ".go" }
