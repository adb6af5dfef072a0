package expect

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// A case that is turned around holds where the other one does not, and is as open where nobody can tell.
func TestCase(t *testing.T) {
	v2 := reports.Place{Host: "a", Subset: "v2", Percent: 100}
	at := func(subset string, n int) analysis.Observation {
		o := settled(counts(map[string]int{"v2": n}))
		c := o.Settled.Total
		c.Landings = []analysis.Landing{{Host: "a", Subset: subset, Version: "v2", Code: 200, Count: n}}
		o.Settled.Cohorts = map[string]analysis.Counts{"jason": c}
		return o
	}
	for _, test := range []struct {
		name string
		not  bool
		o    analysis.Observation
		want reports.Outcome
	}{
		{"there", false, at("v2", 60), reports.Pass}, {"elsewhere", false, at("v1", 60), reports.Fail},
		{"not there", true, at("v1", 60), reports.Pass}, {"there all the same", true, at("v2", 60), reports.Fail},
		{"too few", true, at("v2", 10), reports.Inconclusive},
	} {
		if v := Case("jason", test.not, 60, v2).Check(test.o); v.Outcome != test.want || v.Kind != "case" {
			t.Errorf("%s: got %s of %s (%s), want %s", test.name, v.Outcome, v.Kind, v.Why, test.want)
		}
	}
}
