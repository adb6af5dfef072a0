package expect

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

func TestAnsweredWithin(t *testing.T) {
	of := func(n int, slow time.Duration) analysis.Observation {
		c := counts(map[string]int{"v1": n})
		c.Latency = map[string]analysis.Latency{"v1": {N: n, P50: time.Millisecond, P90: slow, P99: slow, Max: slow}}
		return settled(c)
	}
	two := of(400, time.Millisecond)
	two.Settled.Total.Latency["v2"] = analysis.Latency{N: 100, P90: time.Second}
	for _, test := range []struct {
		name string
		e    Expectation
		o    analysis.Observation
		want reports.Outcome
	}{
		{"fast", AnsweredWithin(90, 100*time.Millisecond), of(400, 20*time.Millisecond), reports.Pass},
		{"slow", AnsweredWithin(90, 100*time.Millisecond), of(400, 200*time.Millisecond), reports.Fail},
		{"too few for that percentile", AnsweredWithin(99, 100*time.Millisecond), of(400, time.Millisecond),
			reports.Inconclusive},
		{"one version is slow", AnsweredWithin(90, 100*time.Millisecond), two, reports.Inconclusive},
		{"the slowest", AnsweredWithin(100, 100*time.Millisecond), of(400, 101*time.Millisecond), reports.Fail},
		{"nothing", AnsweredWithin(50, time.Second), settled(counts(nil)), reports.Inconclusive},
	} {
		if v := test.e.Check(test.o); v.Outcome != test.want {
			t.Errorf("%s: got %s (%s; %s), want %s", test.name, v.Outcome, v.Saw, v.Why, test.want)
		}
	}
	if Validate([]Expectation{AnsweredWithin(95, time.Second)}) == nil {
		t.Error("got no error of a percentile that a run does not keep")
	}
}
