package loadgen

import (
	"slices"
	"strings"
	"testing"
)

// Each caller gets the cohorts that name it, and the usual one those that name none.
func TestFrom(t *testing.T) {
	plan := validPlan()
	plan.Cohorts = append(plan.Cohorts, Cohort{Name: "as-web", Rate: 3, Caller: "web"},
		Cohort{Name: "outside", Rate: 4, Entry: Gateway})
	if err := plan.Validate(); err != nil {
		t.Fatal(err)
	}
	want := []Stand{{Entry: Gateway}, {Entry: Sidecar}, {Entry: Sidecar, Caller: "web"}}
	if got := plan.Stands(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for stand, want := range map[Stand]string{
		{Sidecar, ""}: "everyone beta-users", {Sidecar, "web"}: "as-web", {Gateway, ""}: "outside",
	} {
		part, err := plan.From(stand)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range part.Cohorts {
			names = append(names, c.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%v: got %s, want %s", stand, got, want)
		}
	}
	for text, change := range map[string]func(*Plan){
		"kebab":  func(p *Plan) { p.Cohorts[2].Caller = "A b" },
		"entry":  func(p *Plan) { p.Cohorts[2].Entry = Plain },
		"agents": func(p *Plan) { p.Agents = 2 },
	} {
		bad := plan
		bad.Cohorts = slices.Clone(plan.Cohorts)
		change(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want that it is about %s", err, text)
		}
	}
}
