package analysis

import (
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports/internal/labtrace"
)

// fill sends n requests, one a millisecond, of which share(i) are of the kind "v2".
func fill(random *rand.Rand, n int, share func(i int) float64) *bins {
	b := newBins(labtrace.Start, newBudget())
	for i := range n {
		if random.Float64() < share(i) {
			b.add(labtrace.At(float64(i)), "v2")
		} else {
			b.add(labtrace.At(float64(i)))
		}
	}
	return b
}

// A share that keeps still is not said to move, more often than is allowed. The simulation itself has a false
// alarm once in a million times.
func TestDispersionKeepsItsLevel(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, test := range []struct {
		n int
		p float64
	}{{2000, 0.05}, {2000, 0.5}, {4000, 0.1}, {10_000, 0.01}, {1000, 0.9}} {
		const runs = 2000
		moved, low := 0, 0
		for range runs {
			d, ok := fill(random, test.n, func(int) float64 { return test.p }).dispersion("v2")
			if !ok {
				continue
			}
			if d.Moved() {
				moved++
			}
			if d.P < 0.01 {
				low++
			}
		}
		if limit := quantile(runs, movedBy); moved > limit {
			t.Errorf("%d of %d windows with a share of %g moved, want %d at most", moved, runs, test.p, limit)
		}
		// The tail is where it should be: P below 1 % comes up in about 1 % of windows.
		if limit := quantile(runs, 0.013); low > limit {
			t.Errorf("share %g: P was below 1 %% in %d of %d windows, want %d at most", test.p, low, runs, limit)
		}
	}
}

// quantile is a count out of n that a probability of p exceeds once in a million times.
func quantile(n int, p float64) int {
	b := distuv.Binomial{N: float64(n), P: p}
	k := 0
	for b.CDF(float64(k)) < 1-1e-6 {
		k++
	}
	return k
}

func TestDispersionSeesAShareMove(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for name, share := range map[string]func(i int) float64{
		"step":  func(i int) float64 { return []float64{0, 0.2}[i/2000] },
		"drift": func(i int) float64 { return 0.2 * float64(i) / 4000 },
		"waves": func(i int) float64 { return []float64{0.03, 0.17}[i/500%2] },
	} {
		seen := 0
		for range 100 {
			if d, ok := fill(random, 4000, share).dispersion("v2"); ok && d.Moved() {
				seen++
			}
		}
		if seen < 99 {
			t.Errorf("%s: seen in %d of 100 windows whose share is 10 %% on the whole", name, seen)
		}
	}
}

func TestDispersionOfLittle(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	for name, b := range map[string]*bins{
		"nothing":    newBins(labtrace.Start, newBudget()),
		"none":       fill(random, 4000, func(int) float64 { return 0 }),
		"all":        fill(random, 4000, func(int) float64 { return 1 }),
		"few of it":  fill(random, 4000, func(i int) float64 { return map[bool]float64{true: 1}[i%400 == 0] }),
		"few in all": fill(random, 90, func(int) float64 { return 0.5 }),
	} {
		if d, ok := b.dispersion("v2"); ok {
			t.Errorf("%s: got %+v, want no answer", name, d)
		}
	}
}

// A window of any length takes the same memory, and its counts stay whole.
func TestBinsAreBounded(t *testing.T) {
	b := newBins(labtrace.Start, newBudget())
	for i := range 100_000 {
		b.add(labtrace.Start.Add(time.Duration(i)*36*time.Millisecond), []string{"a", "b"}[i%2])
	}
	sum := 0
	for i, n := range b.all {
		sum += int(n)
		rest := n
		for _, k := range b.kinds {
			if i < len(k) {
				rest -= k[i]
			}
		}
		if rest != 0 {
			t.Fatalf("bin %d: got %d requests more than kinds", i, rest)
		}
	}
	if sum != 100_000 || len(b.all) > maxBins {
		t.Errorf("got %d requests in %d bins, want 100,000 in %d at most", sum, len(b.all), maxBins)
	}
}
