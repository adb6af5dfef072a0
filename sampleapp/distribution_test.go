package sampleapp

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// Delays have the distribution that they are named after: the largest distance between what was drawn and
// gonum's distribution function is below what chance exceeds once in a million times (Kolmogorov and Smirnov).
func TestDelaysFollowTheirDistribution(t *testing.T) {
	const n, jitter = 100_000, 100 * time.Millisecond
	allowed := math.Sqrt(-math.Log(1e-6/2) / (2 * n))
	normal := distuv.Normal{Mu: 0, Sigma: float64(jitter)}
	for d, cdf := range map[Distribution]func(float64) float64{
		Uniform:     distuv.Uniform{Min: 0, Max: float64(jitter)}.CDF,
		Exponential: distuv.Exponential{Rate: 1 / float64(jitter)}.CDF,
		Normal:      func(x float64) float64 { return 2*normal.CDF(x) - 1 },
	} {
		i := newInjector(Faults{Latency: time.Second, Jitter: jitter, Distribution: d}, 1)
		var got []time.Duration
		for range n {
			is, err := i.next(nil)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, is.delay-time.Second)
		}
		slices.Sort(got)
		worst := 0.0
		for k, x := range got {
			p := cdf(float64(x))
			worst = max(worst, math.Abs(p-float64(k)/n), math.Abs(p-float64(k+1)/n))
		}
		if worst > allowed {
			t.Errorf("%s: got a distance of %.4f, want %.4f at most", distributions[d], worst, allowed)
		}
	}
}

func TestDelaysAreBounded(t *testing.T) {
	last := math.Nextafter(1, 0)
	for d := range distributions {
		for _, u := range []float64{0, 0.5, last, rand.Float64()} {
			if got := Distribution(d).delay(u, maxDelay); got < 0 || got > maxDelay {
				t.Errorf("%s at %v: got %s, want 0s to %s", distributions[d], u, got, maxDelay)
			}
		}
		if got := Distribution(d).delay(0, time.Second); got != 0 {
			t.Errorf("%s at 0: got %s, want 0s", distributions[d], got)
		}
	}
	if got := Uniform.delay(last, time.Second); got > time.Second {
		t.Errorf("got %s, want 1s at most", got)
	}
}
