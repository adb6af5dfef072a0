package expect

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

func TestAnswers(t *testing.T) {
	phase := func(n int, took time.Duration) analysis.Observation {
		c := counts(map[string]int{"v1": 900, "v2": n})
		o := settled(c)
		o.Settled.Start, o.Settled.End = began, began.Add(took)
		return o
	}
	claim := Answers("v2", 10)
	for _, test := range []struct {
		n    int
		took time.Duration
		want reports.Outcome
	}{
		{150, 15 * time.Second, reports.Pass}, {170, 15 * time.Second, reports.Pass},
		{130, 15 * time.Second, reports.Pass},
		{171, 15 * time.Second, reports.Fail}, {129, 15 * time.Second, reports.Fail},
		{50, 5 * time.Second, reports.Inconclusive},
	} {
		if v := claim.Check(phase(test.n, test.took)); v.Outcome != test.want || v.Kind != "answers" {
			t.Errorf("%d in %s: got %s (%s), want %s", test.n, test.took, v.Outcome, v.Why, test.want)
		}
	}
	if v := claim.Check(analysis.Observation{}); v.Outcome != reports.Inconclusive {
		t.Errorf("no data: got %s, want inconclusive", v.Outcome)
	}
}
