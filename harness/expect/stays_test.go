package expect

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// What ends at neither of two places was lost, also while the change was on its way.
func TestStays(t *testing.T) {
	old := reports.Place{Host: "a", Subset: "v1", Percent: 100}
	by := reports.Place{Host: "a", Subset: "v2", Percent: 100}
	in := func(subset, flag string, code int) analysis.Counts {
		c := counts(map[string]int{"v1": 50})
		l := analysis.Landing{Host: "a", Subset: subset, Version: "v", Code: code, Flag: flag, Count: 50}
		if code >= 400 {
			l.Version = ""
		}
		c.Landings = []analysis.Landing{l}
		return c
	}
	of := func(transition, after analysis.Counts) analysis.Observation {
		o := settled(counts(map[string]int{"v1": 50}))
		o.Transition.Cohorts = map[string]analysis.Counts{"all": transition}
		o.Settled.Cohorts = map[string]analysis.Counts{"all": after}
		return o
	}
	for _, test := range []struct {
		name string
		o    analysis.Observation
		want reports.Outcome
	}{
		{"from one to the other", of(in("v1", "", 200), in("v2", "", 200)), reports.Pass},
		{"lost on the way", of(in("v2", "NC", 503), in("v2", "", 200)), reports.Fail},
		{"elsewhere in the end", of(in("v1", "", 200), in("v3", "", 200)), reports.Fail},
		{"nobody knows", of(in("v1", "", 200), in("v1", analysis.NotLogged, 503)), reports.Inconclusive},
	} {
		if v := Stays("all", old, by).Check(test.o); v.Outcome != test.want {
			t.Errorf("%s: got %s (%s), want %s", test.name, v.Outcome, v.Why, test.want)
		}
	}
	never := of(in("v1", "", 200), analysis.Counts{})
	never.SettledAt = time.Time{}
	if v := Stays("all", old, by).Check(never); v.Outcome != reports.Inconclusive {
		t.Errorf("got %s of a change that never settled, want inconclusive", v.Outcome)
	}
}
