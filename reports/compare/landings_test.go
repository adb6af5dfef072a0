package compare

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// routed is a run of a test of somebody's own rules, in which so many of 200 requests of a class reached v2.
func routed(v2 int) *reports.Run {
	to := func(subset string, n int) analysis.Landing {
		return analysis.Landing{
			Host: "reviews", Port: 80, Subset: subset, Version: "reviews-" + subset, Code: 200, Count: n,
		}
	}
	r := &reports.Report{Scenario: "own-shop", Phases: []reports.Phase{{
		Name: "as it is written", Routing: &reports.Routing{Classes: []reports.RequestClass{
			{Cohort: "a", Request: "GET reviews/", Requests: 200,
				Seen: []analysis.Landing{to("v1", 200-v2), to("v2", v2)}},
			{Cohort: "b", Request: "GET reviews/same", Requests: 60, Seen: []analysis.Landing{to("v1", 60)}},
		}},
	}}}
	return &reports.Run{Dir: "run", Report: r}
}

// A class that ends elsewhere now is told, and one that does not is not.
func TestLandings(t *testing.T) {
	for _, test := range []struct {
		base, other int
		want        Judgement
	}{{20, 100, Different}, {20, 22, NotShown}} {
		c, err := New(Side{routed(test.base)}, Side{routed(test.other)})
		if err != nil {
			t.Fatal(err)
		}
		var all []*Figure
		for _, f := range c.Pairs[0].Figures {
			if f.Kind == LandingKind {
				all = append(all, f)
			}
		}
		if len(all) != 1 || all[0].Judgement != test.want ||
			!strings.HasPrefix(all[0].Name, "GET reviews/: to reviews") {
			t.Errorf("%d against %d: got %+v, want one that is %s", test.base, test.other, all, test.want)
		}
	}
}
