package reports

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/canarylab/canarylab/reports/format"
)

// A RoutingPolicy is a rule of an AuthorizationPolicy, and what it says.
type RoutingPolicy struct {
	// Source, Object and Path are as in RoutingRule.
	Source string `json:"source"`
	Object string `json:"object"`
	Path   string `json:"path"`
	// If says what it asks for, and Says what it does: "denies" or "lets through".
	If   string `json:"if"`
	Says string `json:"says"`
	// Unmet says why no request was sent that meets it, empty where some were. Dead tells that none can.
	Unmet string `json:"unmet,omitempty"`
	Dead  bool   `json:"dead,omitempty"`
}

// A PolicyRow is a row of the table of policies.
type PolicyRow struct {
	RoutingPolicy
	// Classes are those about which the rule decides by the YAML, and Requests how many they sent.
	Classes  []RequestClass
	Requests int
	// Outcome is the worst of the classes', empty where nothing was sent. Why says then why not.
	Outcome Outcome
	Why     string
}

// PolicyRows are the rules of policies that some request can meet, with the requests about which they decide.
func (r *Routing) PolicyRows() []PolicyRow {
	var all []PolicyRow
	for i, p := range r.Policies {
		if p.Dead {
			continue // it is among the surprises
		}
		row := PolicyRow{RoutingPolicy: p}
		for _, c := range r.Classes {
			switch {
			case c.Policy == i+1 && c.Cohort != "" && c.Requests > 0:
				row.Classes = append(row.Classes, c)
				row.Requests += c.Requests
				row.Outcome = c.Outcome.orWorse(row.Outcome)
			case c.Policy == i+1 && c.Unsent != "" && row.Why == "":
				row.Why = c.Request + " is not sent: " + c.Unsent
			}
		}
		if row.Why == "" {
			row.Why = p.Unmet
		}
		if row.Why == "" {
			row.Why = "no request that was sent meets it"
		}
		if row.Requests > 0 {
			row.Why = ""
		}
		all = append(all, row)
	}
	return all
}

// Callers are who sent the row's requests, each once.
func (p PolicyRow) Callers() string { return callersOf(p.Classes) }

// Words say what is sent, and by whom.
func (c RequestClass) Words() string { return format.Join(", by ", c.Request, c.Caller) }

// usualCaller names the caller that has no name.
const usualCaller = "the lab's own caller"

// callersOf are who sent classes, each once, and empty where that is the usual caller alone.
func callersOf(all []RequestClass) string {
	var names []string
	seen := map[string]bool{}
	for _, c := range all {
		name := c.Caller
		if name == "" {
			name = usualCaller
		}
		if !seen[name] {
			names = append(names, name)
		}
		seen[name] = true
	}
	if len(names) == 1 && seen[usualCaller] {
		return ""
	}
	return strings.Join(names, ", ")
}

// dead are the remarks that fail the run, as findings.
func (r *Routing) dead() []RoutingFinding {
	var all []RoutingFinding
	for _, m := range r.Remarks {
		if !m.Fails {
			continue
		}
		f := RoutingFinding{Classes: []string{}, Source: m.Source, Text: m.Object + ": " + m.Text, Do: m.Do}
		for i, rule := range r.Rules {
			if rule.Source == m.Source && rule.Object == m.Object && rule.ShadowedBy > 0 {
				f.Rule = i + 1
			}
		}
		for _, c := range r.Classes {
			if p := c.Meant - 1; p >= 0 && p < len(r.Policies) && r.Policies[p].Object == m.Object && c.Requests > 0 {
				f.Classes = append(f.Classes, c.Cohort)
				f.Text += " " + c.meant()
			}
		}
		all = append(all, f)
	}
	return all
}

// meant says what became of requests that a rule means which none can meet.
func (c RequestClass) meant() string {
	through := 0
	for _, l := range c.Seen {
		if l.Code != http.StatusForbidden {
			through += l.Count
		}
	}
	return fmt.Sprintf("Of %s that it means (%s), %s got no 403.", format.Plural(c.Requests, "request", "requests"),
		c.Words(), format.Number(through))
}

// told tells whether a rule that no request met is among the findings already.
func (r *Routing) told(rule RoutingRule) bool {
	for _, m := range r.Remarks {
		if m.Fails && m.Source == rule.Source && m.Object == rule.Object && rule.ShadowedBy > 0 {
			return true
		}
	}
	return false
}
