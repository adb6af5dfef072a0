package expect

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
)

// retried is what v2's pods were asked by n requests, of which each attempt fails with a probability, and is made again
// up to a number of times.
func retried(n int, p float64, again int, seed uint64) analysis.Counts {
	c := counts(map[string]int{"v1": 9 * n, "v2": n})
	random := rand.New(rand.NewPCG(seed, 0))
	a := analysis.Attempts{Requests: n, Codes: map[int]int{}}
	for range n {
		times := 1
		for ; times <= again && random.Float64() < p; times++ {
			a.Codes[503]++
		}
		a.Codes[200]++ // or the last failure, which does not matter here
		a.Attempts += times
		a.Squares += times * times
	}
	c.Attempts = map[string]analysis.Attempts{"v2": a}
	return c
}

// mean is how many attempts that makes: 1 + p + p² and so on.
func mean(p float64, again int) float64 { return (1 - math.Pow(p, float64(again+1))) / (1 - p) }

func TestAttempts(t *testing.T) {
	holds(t, "attempts", []judged{
		{"as foreseen", Attempts("v2", mean(0.3, 3)), settled(retried(2000, 0.3, 3, 1)), pass, ""},
		{"off by half", Attempts("v2", 1+(mean(0.3, 3)-1)/2), settled(retried(2000, 0.3, 3, 1)), fail, "within 0.0"},
		{"not retried", Attempts("v2", 1.4), settled(retried(2000, 0, 3, 1)), fail, ""},
		{"none claimed, none seen", Attempts("v2", 1), settled(retried(2000, 0, 3, 1)), pass, ""},
		{"few", Attempts("v2", 1), settled(retried(100, 0, 3, 1)), inconclusive, "100 requests are too few"},
		{"nobody counted", Attempts("v2", 1), settled(counts(map[string]int{"v2": 1000})), inconclusive, ""},
	})
	if err := Attempts("v2", 0.5).Validate(); err == nil {
		t.Error("half an attempt: got no error")
	}
	// A true claim holds whatever the dice say.
	for seed := range uint64(300) {
		if v := Attempts("v2", mean(0.3, 3)).Check(settled(retried(700, 0.3, 3, seed))); v.Outcome != pass {
			t.Errorf("seed %d: got %s: %s (%s)", seed, v.Outcome, v.Saw, v.Why)
		}
	}
}

func TestAttemptStatus(t *testing.T) {
	asked := func(codes map[int]int) analysis.Counts {
		c := counts(map[string]int{"v2": 1000})
		a := analysis.Attempts{Requests: 1000, Codes: codes}
		for _, n := range codes {
			a.Attempts += n
		}
		c.Attempts = map[string]analysis.Attempts{"v2": a}
		return c
	}
	holds(t, "attempt-status", []judged{
		{"as foreseen", AttemptStatus("v2", 503, 30), settled(asked(map[int]int{200: 700, 503: 300})), pass, ""},
		{"half", AttemptStatus("v2", 503, 15), settled(asked(map[int]int{200: 700, 503: 300})), fail, ""},
		{"given up", AttemptStatus("v2", 0, 30), settled(asked(map[int]int{200: 700, 0: 300})), pass, ""},
		{"none", AttemptStatus("v2", 503, 0), settled(asked(map[int]int{200: 700, 0: 300})), pass, ""},
		{"not none", AttemptStatus("v2", 503, 0), settled(asked(map[int]int{200: 999, 503: 1})), fail, ""},
		{"few", AttemptStatus("v2", 503, 30), settled(asked(map[int]int{200: 70, 503: 30})), inconclusive, "too few"},
		{"none at all", AttemptStatus("v2", 503, 0), settled(counts(map[string]int{"v1": 1000})), inconclusive, ""},
	})
	for _, wrong := range []attemptStatus{{"", 503, 1}, {"v2", 99, 1}, {"v2", 503, 101}} {
		if err := wrong.Validate(); err == nil {
			t.Errorf("%+v: got no error", wrong)
		}
	}
}
