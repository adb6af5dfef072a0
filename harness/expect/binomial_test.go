package expect

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// tails sums binomial probabilities one by one, which is slow and plain: the chance of a count below low, and
// above high.
func tails(n, low, high int, p float64) (below, above float64) {
	logGamma := func(x float64) float64 {
		y, _ := math.Lgamma(x)
		return y
	}
	for k := range n + 1 {
		if k >= low && k <= high {
			continue
		}
		a, b := float64(k), float64(n-k)
		probability := math.Exp(
			logGamma(float64(n)+1) - logGamma(a+1) - logGamma(b+1) + a*math.Log(p) + b*math.Log1p(-p))
		if k < low {
			below += probability
		} else {
			above += probability
		}
	}
	return below, above
}

func TestRegion(t *testing.T) {
	const tail = regionAlarm / 2
	for _, n := range []int{1, 2, 10, 100, 917, 5000} {
		for _, p := range []float64{0.001, 0.01, 0.05, 0.25, 0.5, 0.95, 0.999} {
			low, high := Region(n, p)
			if below, above := tails(n, low, high, p); below > tail || above > tail {
				t.Errorf("Region(%d, %g) = %d to %d: got tails of %g and %g, want %g each at most", n, p, low, high,
					below, above, tail)
			}
			// And no narrower region would do.
			if below, _ := tails(n, low+1, high, p); low < n && below <= tail {
				t.Errorf("Region(%d, %g): got %d as its low end, but %d would do", n, p, low, low+1)
			}
			if _, above := tails(n, low, high-1, p); high > 0 && above <= tail {
				t.Errorf("Region(%d, %g): got %d as its high end, but %d would do", n, p, high, high-1)
			}
		}
	}
	for _, test := range []struct {
		n         int
		p         float64
		low, high int
	}{{0, 0.5, 0, 0}, {100, 0, 0, 0}, {100, 1, 100, 100}} {
		if low, high := Region(test.n, test.p); low != test.low || high != test.high {
			t.Errorf("Region(%d, %g): got %d to %d, want %d to %d", test.n, test.p, low, high, test.low, test.high)
		}
	}
}

func TestNeed(t *testing.T) {
	// ln(0.0001)/ln(0.99) = 916.4
	for _, percent := range []float64{0, 100} {
		if got := requests(percent); got != 917 {
			t.Errorf("%g %%: got %d requests, want 917", percent, got)
		}
	}
	for _, percent := range []float64{0.1, 1, 2, 5, 10, 25, 50, 75, 95, 99} {
		n, p, margin := requests(percent), percent/100, Margin(percent)/100
		low, high := Region(n, p)
		if low == 0 || high == n {
			t.Errorf("%g %%: with %d requests, %d to %d pass: it holds none or all", percent, n, low, high)
		}
		for _, wrong := range []float64{p - margin, p + margin} {
			below, above := tails(n, low, high, wrong)
			if got := below + above; got < Power {
				t.Errorf("%g %%: %d requests catch a true share of %g with probability %.4f, want %g", percent, n,
					wrong, got, Power)
			}
		}
		// Not many more than it takes.
		fewer := n * 98 / 100
		low, high = Region(fewer, p)
		if min(caught(fewer, low, high, p-margin), caught(fewer, low, high, p+margin)) >= Power {
			t.Errorf("%g %%: got a need of %d requests, but %d do", percent, n, fewer)
		}
	}
	if a, b := requests(5), requests(95); a != b {
		t.Errorf("got a need of %d for 5 %% and %d for 95 %%, want the same", a, b)
	}
}

func TestMargin(t *testing.T) {
	for percent, want := range map[float64]float64{1: 0.5, 5: 2.5, 10: 5, 25: 5, 50: 5, 95: 2.5, 99: 0.5} {
		if got := Margin(percent); got != want {
			t.Errorf("Margin(%g): got %g, want %g", percent, got, want)
		}
	}
}

// Draws from the share that is claimed contradict it no more often than FalseAlarm; draws from a share that is off by
// the margin do so with at least Power.
func TestRegionBySimulation(t *testing.T) {
	const draws = 200_000
	for _, test := range []struct{ claimed, wrong float64 }{{5, 7.5}, {25, 30}, {50, 45}, {95, 97.5}} {
		n := requests(test.claimed)
		low, high := Region(n, test.claimed/100)
		out := func(percent float64, seed uint64) int {
			random := distuv.Binomial{N: float64(n), P: percent / 100, Src: rand.NewPCG(seed, seed)}
			count := 0
			for range draws {
				if k := int(random.Rand()); k < low || k > high {
					count++
				}
			}
			return count
		}
		// 20 are to be expected at most; 40 are four standard deviations more.
		if got := out(test.claimed, 1); got > 40 {
			t.Errorf("%g %%: got %d false alarms in %d draws, want about %g at most", test.claimed, got, draws,
				FalseAlarm*draws)
		}
		if got, want := out(test.wrong, 2), int(draws*(Power-0.002)); got < want {
			t.Errorf("%g %% for a claim of %g %%: caught %d of %d, want %d at least", test.wrong, test.claimed, got,
				draws, want)
		}
	}
}
