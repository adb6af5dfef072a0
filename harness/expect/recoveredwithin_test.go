package expect

import (
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

func TestRecoveredWithin(t *testing.T) {
	const ms = time.Millisecond
	good := analysis.Rollback{
		Before: analysis.NewShare(100, 1000), Rate: 500, Resolution: 20 * ms, Route: 131 * ms, Low: 131 * ms,
		High:       191 * ms,
		Unaffected: 500, Chance: 1e-20,
	}
	with := func(change func(*analysis.Rollback)) *analysis.Rollback {
		r := good
		change(&r)
		return &r
	}
	for _, test := range []struct {
		name   string
		within time.Duration
		r      *analysis.Rollback
		want   reports.Outcome
		why    string
	}{
		{"in time", 200 * ms, &good, reports.Pass, ""},
		{"bound on the dot", 191 * ms, &good, reports.Pass, ""},
		{"bound too late", 190 * ms, &good, reports.Inconclusive, "too rare"},
		{"too late", 130 * ms, &good, reports.Fail, "131ms after the write"},
		{
			"nothing before", time.Second, with(func(r *analysis.Rollback) { r.Resolution, r.High, r.Route = 0, 0, 0 }),
			reports.Inconclusive, "affected before",
		},
		{
			"ends too soon", time.Second, with(func(r *analysis.Rollback) { r.Chance = 2e-4 }), reports.Inconclusive,
			"too few requests followed",
		},
		{
			"no bracket", time.Second, with(func(r *analysis.Rollback) { r.High = 0 }), reports.Inconclusive,
			"too few requests followed",
		},
		{"never ends", 100 * ms, with(func(r *analysis.Rollback) { r.Chance = 1 }), reports.Fail, ""},
		{"no rollback", time.Second, nil, reports.Inconclusive, "did not roll back"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := settled(counts(map[string]int{"v1": 2000}))
			o.Rollback = test.r
			v := RecoveredWithin(test.within).Check(o)
			if v.Outcome != test.want || !strings.Contains(v.Why, test.why) || v.Kind != "recovered-within" {
				t.Errorf("got %s (%s), want %s (%s); saw %s", v.Outcome, v.Why, test.want, test.why, v.Saw)
			}
			o.SettledAt = time.Time{}
			if v := RecoveredWithin(test.within).Check(o); v.Outcome == reports.Pass {
				t.Error("got a pass for a rollback that never settled")
			}
		})
	}
}
