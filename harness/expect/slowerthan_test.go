package expect

import (
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

func TestSlowerThan(t *testing.T) {
	const ms = time.Millisecond
	// ended is a rollback whose bracket goes from low to high, endless one whose affected requests go on.
	ended := func(low, high time.Duration) *analysis.Rollback {
		return &analysis.Rollback{Resolution: 4 * ms, Route: low, Low: low, High: high, Chance: 1e-20}
	}
	endless := &analysis.Rollback{Resolution: 4 * ms, Route: 3 * time.Second, Low: 3 * time.Second, Chance: 1}
	quick := ended(100*ms, 130*ms)
	for _, test := range []struct {
		name        string
		this, other *analysis.Rollback
		want        reports.Outcome
		why         string
	}{
		{"slower", ended(4000*ms, 4030*ms), quick, pass, ""},
		{"sooner", ended(10*ms, 40*ms), quick, fail, "it was sooner"},
		{"alike", ended(120*ms, 150*ms), quick, inconclusive, "overlap"},
		{"on the dot", ended(130*ms, 150*ms), quick, inconclusive, "overlap"},
		{"without an end", endless, quick, pass, ""},
		{"the other without an end", quick, endless, fail, "it was sooner"},
		{"both without an end", endless, endless, inconclusive, "neither ended"},
		{"nothing to time", &analysis.Rollback{}, quick, inconclusive, "no request was affected"},
		{"no rollback", nil, quick, inconclusive, "did not roll back"},
		{"no other one", quick, nil, inconclusive, "did not roll back"},
	} {
		t.Run(test.name, func(t *testing.T) {
			observed := []analysis.Observation{
				{Phase: "baseline"}, {Phase: "route", Rollback: test.other}, {Phase: "undo", Rollback: test.this},
			}
			v := Judge(SlowerThan("route"), observed, analysis.Accounting{})
			if v.Outcome != test.want || !strings.Contains(v.Why, test.why) {
				t.Errorf("got %s (%s), want %s (%s); saw %s", v.Outcome, v.Why, test.want, test.why, v.Saw)
			}
		})
	}
	alone := []analysis.Observation{{Phase: "undo", Rollback: quick}}
	if v := Judge(SlowerThan("route"), alone, analysis.Accounting{}); v.Outcome != inconclusive {
		t.Errorf("got %s without the other phase", v.Outcome)
	}
	if Validate([]Expectation{SlowerThan("")}) == nil {
		t.Error("got no error without a name")
	}
}
