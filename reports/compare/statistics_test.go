package compare

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports/analysis"
)

// TestShareDifferenceCoversExactly adds up, over all outcomes of two runs, the probability of those whose
// interval has the true difference in it: no simulation, and no luck. Of fewer requests than any phase has,
// intervals at extreme levels fall short of them for large differences; where there is no difference they never
// do, and that is what a false one is made of.
func TestShareDifferenceCoversExactly(t *testing.T) {
	shares := []float64{0.001, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 0.999}
	for _, test := range []struct {
		n, m       int
		confidence float64
		anywhere   bool
	}{
		{150, 150, 0.95, true}, {150, 150, 0.999, true}, {150, 150, 0.9999, true}, {40, 60, 0.95, true},
		{40, 60, 0.99, true}, {200, 30, 0.9999, false}, {20, 20, 0.999, false},
	} {
		width := test.m + 1
		low, high := make([]float64, (test.n+1)*width), make([]float64, (test.n+1)*width)
		for i := range low {
			low[i], high[i] = shareDifference{sample{{i / width, test.n}}, sample{{i % width, test.m}}}.interval(
				test.confidence)
		}
		worst, alike := 1.0, 1.0
		for _, p := range shares {
			for _, q := range shares {
				missed := 0.0
				base, other := binomial(test.n, p), binomial(test.m, q)
				for i := range low {
					if q-p < low[i]-1e-12 || q-p > high[i]+1e-12 {
						missed += base[i/width] * other[i%width]
					}
				}
				worst = min(worst, 1-missed)
				if p == q {
					alike = min(alike, 1-missed)
				}
			}
		}
		t.Logf("%d and %d requests at %g: covers with %.6f or more, and with %.6f where there is no difference", test.n,
			test.m, test.confidence, worst, alike)
		if alike < test.confidence || test.anywhere && worst < test.confidence {
			t.Errorf("%d and %d requests at %g: covers with %.6f, and with %.6f where there is no difference", test.n,
				test.m, test.confidence, worst, alike)
		}
	}
}

// binomial are the probabilities of 0 to n.
func binomial(n int, p float64) []float64 {
	all := make([]float64, n+1)
	for i := range all {
		all[i] = distuv.Binomial{N: float64(n), P: p}.Prob(float64(i))
	}
	return all
}

// spreadRuns draws counts of runs whose true shares differ from run to run: a beta distribution whose variance
// is more times that of chance alone (a beta binomial one).
func spreadRuns(random *rand.Rand, runs, of int, share, more float64) sample {
	s := make(sample, runs)
	for i := range s {
		p := share
		if more > 1 {
			concentration := float64(of-1)/(more-1) - 1
			p = distuv.Beta{Alpha: share * concentration, Beta: (1 - share) * concentration, Src: random}.Rand()
		}
		s[i] = tally{int(distuv.Binomial{N: float64(of), P: p, Src: random}.Rand()), of}
	}
	return s
}

// atLeast fails if hits of n are fewer than a rate explains, but for one case in 10,000.
func atLeast(t *testing.T, what string, hits, n int, rate float64) {
	t.Helper()
	t.Logf("%s: %d of %d (%.4f)", what, hits, n, float64(hits)/float64(n))
	if (distuv.Binomial{N: float64(n), P: rate}).CDF(float64(hits)) < 1e-4 {
		t.Errorf("%s: %d of %d, which is fewer than %g", what, hits, n, rate)
	}
}

func TestShareDifferenceCoversRunsThatVary(t *testing.T) {
	const trials = 1500
	random := rand.New(rand.NewPCG(7, 1))
	for _, test := range []struct {
		name         string
		base, other  int
		shareB, more float64
		shareO       float64
	}{
		{"3 runs each, by chance alone", 3, 3, 0.1, 1, 0.12},
		{"3 runs each, variance 4 times chance", 3, 3, 0.1, 4, 0.15},
		{"5 runs each, variance 20 times chance", 5, 5, 0.4, 20, 0.4},
		{"1 run and 5, variance 4 times chance", 1, 5, 0.5, 4, 0.45},
		{"10 runs each, rare", 10, 10, 0.004, 2, 0.008},
	} {
		for _, confidence := range []float64{0.95, 0.995} {
			hits := 0
			for range trials {
				d := shareDifference{
					spreadRuns(random, test.base, 1500, test.shareB, test.more),
					spreadRuns(random, test.other, 1500, test.shareO, test.more),
				}
				if !without(d, test.shareO-test.shareB, confidence) {
					hits++
				}
			}
			atLeast(t, test.name, hits, trials, confidence)
		}
	}
}

// TestSpreadBetweenRunsIsSeen has the mutant in mind that leaves it out: then three runs of each side show
// differences where there are none.
func TestSpreadBetweenRunsIsSeen(t *testing.T) {
	alike := shareDifference{sample{{150, 1500}, {150, 1500}, {150, 1500}}, sample{
		{190, 1500}, {190, 1500}, {190, 1500},
	}}
	apart := shareDifference{sample{{50, 1500}, {150, 1500}, {250, 1500}}, sample{{90, 1500}, {190, 1500}, {290, 1500}}}
	if !without(alike, 0, 0.95) {
		t.Error("runs that are alike: want a difference")
	}
	if without(apart, 0, 0.95) {
		t.Error("runs that are spread as wide as the difference: want none")
	}
}

func TestShiftCovers(t *testing.T) {
	const trials = 2000
	random := rand.New(rand.NewPCG(7, 2))
	for _, n := range []int{4, 10} {
		hits := 0
		for range trials {
			draw := func(shift float64) []float64 {
				all := make([]float64, n)
				for i := range all {
					all[i] = shift + 110 + 15*random.ExpFloat64() // skewed, as rollback times are
				}
				return all
			}
			if !without(newShift(draw(0), draw(25), 0), 25, 0.95) {
				hits++
			}
		}
		atLeast(t, "exponential times", hits, trials, 0.95)
	}
}

func TestShiftOfFewIsOpen(t *testing.T) {
	s := newShift([]float64{1, 2, 3}, []float64{101, 102, 103}, 0)
	if low, high := s.interval(0.95); !math.IsInf(low, -1) || !math.IsInf(high, 1) {
		t.Errorf("three each: got %g to %g, want an open interval", low, high)
	}
	if p := pValue(s); math.Abs(p-0.1) > 1e-3 || math.Abs(s.least()-0.1) > 1e-9 {
		t.Errorf("got p %g and at least %g, want 0.1: 2 of 20 orders are as extreme", p, s.least())
	}
	if got := s.estimate(); got != 100 {
		t.Errorf("got a shift of %g, want 100", got)
	}
	// The blur takes what the rates at which both sides asked explain.
	wide := newShift([]float64{1, 2, 3, 4, 5}, []float64{11, 12, 13, 14, 15}, 20)
	if without(wide, 0, 0.5) {
		t.Error("a shift of 10 with a blur of 20: want none")
	}
}

func TestRatioCovers(t *testing.T) {
	const trials = 4000
	random := rand.New(rand.NewPCG(7, 3))
	for _, test := range []struct {
		name           string
		base, other    int
		spreadB, sprdO float64
	}{{"3 and 3", 3, 3, 0.1, 0.1}, {"5 and 5, one of which varies", 5, 5, 0.02, 0.2}, {"1 and 6", 1, 6, 0.1, 0.1}} {
		hits := 0
		for range trials {
			draw := func(n int, center, spread float64) []float64 {
				all := make([]float64, n)
				for i := range all {
					all[i] = center * math.Exp(spread*random.NormFloat64())
				}
				return all
			}
			r, ok := newRatio(draw(test.base, 5, test.spreadB), draw(test.other, 8, test.sprdO))
			if !ok {
				t.Fatal("no ratio")
			}
			if !without(r, math.Log(8.0/5), 0.95) {
				hits++
			}
		}
		atLeast(t, test.name, hits, trials, 0.935) // Welch's degrees are an approximation
	}
	if _, ok := newRatio([]float64{1}, []float64{2}); ok {
		t.Error("one run each: want no ratio")
	}
}

// TestPercentileCovers brackets percentiles of drawn latencies by the curve that a report keeps of them.
func TestPercentileCovers(t *testing.T) {
	const trials, n = 1500, 2000
	random := rand.New(rand.NewPCG(7, 4))
	for _, percent := range []float64{50, 90, 99} {
		truth := -math.Log(1 - percent/100)
		hits, read := 0, 0.0
		for range trials {
			all := make([]float64, n)
			for i := range all {
				all[i] = random.ExpFloat64()
			}
			slices.Sort(all)
			c := analysis.Curve{N: n}
			for k := 0; ; k++ {
				beyond := math.Pow(10, -float64(k)/20)
				if beyond*n < 1 {
					break
				}
				p := 100 * (1 - beyond)
				c.Percents = append(c.Percents, p)
				c.LatencyMS = append(c.LatencyMS, all[max(int(math.Ceil(p*n/100-1e-9)), 1)-1])
			}
			c.Percents, c.LatencyMS = append(c.Percents, 100), append(c.LatencyMS, all[n-1])
			value, low, high := percentile(c, percent)
			read += value / trials
			if low <= truth && truth <= high {
				hits++
			}
		}
		atLeast(t, "percentile", hits, trials, bracketConfidence)
		if math.Abs(read-truth) > 0.02*truth {
			t.Errorf("p%g: read %g on average, want %g", percent, read, truth)
		}
	}
}

func TestPercentileOfFewIsOpen(t *testing.T) {
	c := analysis.Curve{N: 20, Percents: []float64{0, 50, 90, 100}, LatencyMS: []float64{1, 2, 3, 9}}
	if value, low, high := percentile(c, 99); !math.IsInf(high, 1) || low < 1 || value < 3 {
		t.Errorf("got %g from %g to %g, want no upper end: 20 latencies do not bound p99", value, low, high)
	}
}

func TestHolm(t *testing.T) {
	tests := []struct {
		p          []float64
		found      int
		confidence float64
	}{
		{nil, 0, 0.95},
		{[]float64{0.04}, 1, 0.95},
		{[]float64{0.04, 0.03}, 0, 0.975},
		{[]float64{0.04, 0.02}, 2, 0.95},
		{[]float64{0.2, 0.001, 0.03, 0.02}, 1, 1 - 0.05/3},
	}
	for _, test := range tests {
		found, confidence := holm(test.p, 0.05)
		if found != test.found || math.Abs(confidence-test.confidence) > 1e-12 {
			t.Errorf("%v: got %d at %g, want %d at %g", test.p, found, confidence, test.found, test.confidence)
		}
	}
}

// TestTestAndIntervalAgree holds the p values against the intervals that they are made of.
func TestTestAndIntervalAgree(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 5))
	for range 200 {
		d := shareDifference{spreadRuns(random, 1, 300, 0.1, 1), spreadRuns(random, 1, 200, 0.2, 1)}
		p := pValue(d)
		if p < 0.99 && !without(d, 0, 1-p*1.01) || p > leastP && without(d, 0, 1-p*0.99) {
			t.Fatalf("%+v: p is %g, and the intervals around it do not say so", d, p)
		}
	}
}
