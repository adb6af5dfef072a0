package analysis

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

func TestInterval(t *testing.T) {
	// The first four are from tables in use for a long time, the others were computed by bisection on the sum of
	// binomial probabilities.
	for _, test := range []struct {
		count, n  int
		low, high float64
	}{
		{0, 10, 0, 0.3085},
		{1, 10, 0.0025, 0.4450},
		{5, 100, 0.0164, 0.1128},
		{10, 10, 0.6915, 1},
		{1, 20, 0.0012651, 0.2487328},
		{89, 2000, 0.0358869, 0.0544780},
		{256, 5000, 0.0452543, 0.0576763},
		{0, 5000, 0, 0.0007375},
		{0, 0, 0, 1},
	} {
		low, high := Interval(test.count, test.n)
		if math.Abs(low-test.low) > 6e-5 || math.Abs(high-test.high) > 6e-5 {
			t.Errorf("Interval(%d, %d): got %.7f to %.7f, want %.7f to %.7f", test.count, test.n, low, high, test.low,
				test.high)
		}
	}
}

// The ends of the interval are defined by tails of 2.5 % of the binomial distribution: check every count of some
// numbers of requests by that, and some of a large number.
func TestIntervalHasItsTails(t *testing.T) {
	check := func(k, n int) {
		low, high := Interval(k, n)
		if !(low <= float64(k)/float64(n) && float64(k)/float64(n) <= high) {
			t.Fatalf("Interval(%d, %d) = %g to %g: the observed share is not in it", k, n, low, high)
		}
		if k > 0 {
			if tail := 1 - (distuv.Binomial{N: float64(n), P: low}).CDF(float64(k-1)); math.Abs(tail-0.025) > 1e-6 {
				t.Errorf("Interval(%d, %d): got an upper tail of %g at %g, want 0.025", k, n, tail, low)
			}
		}
		if k < n {
			if tail := (distuv.Binomial{N: float64(n), P: high}).CDF(float64(k)); math.Abs(tail-0.025) > 1e-6 {
				t.Errorf("Interval(%d, %d): got a lower tail of %g at %g, want 0.025", k, n, tail, high)
			}
		}
	}
	for _, n := range []int{1, 2, 3, 10, 57, 500} {
		for k := range n + 1 {
			check(k, n)
		}
	}
	for _, k := range []int{0, 1, 2, 10, 5_000, 50_000, 99_999, 100_000} {
		check(k, 100_000)
	}
}

func TestShareString(t *testing.T) {
	for _, test := range []struct {
		share Share
		want  string
	}{
		{NewShare(256, 5000), "256 of 5,000 (5.1 %, 95 % interval 4.5 to 5.8)"},
		{NewShare(4999, 5000), "4,999 of 5,000 (99.98 %, 95 % interval 99.89 to 99.9995)"},
		{NewShare(0, 5000), "0 of 5,000 (0 %, 95 % interval 0 to 0.07)"},
		{NewShare(5000, 5000), "5,000 of 5,000 (100 %, 95 % interval 99.93 to 100)"},
		{NewShare(0, 0), "no requests"},
	} {
		if got := test.share.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
