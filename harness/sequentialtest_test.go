package harness

import (
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// The test's errors are as rare as it says, and it is quicker the worse the canary is.
func TestSequentialTestHoldsItsErrorRates(t *testing.T) {
	rule := SequentialTest{Good: 1, Bad: 10, FalseAlarm: 0.01, Miss: 0.01}
	random := rand.New(rand.NewPCG(1, 2))
	const walks = 20_000
	// often is more often than a true probability of 1 % gives in all but one of 10,000 cases.
	often := int(distuv.Binomial{N: walks, P: 0.01}.Mean() + 4*distuv.Binomial{N: walks, P: 0.01}.StdDev())
	// decide is one pass: until it decides for the one or, by beginning anew, for the other.
	decide := func(share float64) (bad bool, n int) {
		w := rule.start()
		for {
			n++
			if w.add(random.Float64() < share) {
				return true, n
			}
			if w.n == 0 {
				return false, n
			}
		}
	}
	alarms, misses := 0, 0
	steps := map[float64]int{}
	for range walks {
		if bad, _ := decide(0.01); bad {
			alarms++
		}
		for _, share := range []float64{0.1, 0.3, 1} {
			bad, n := decide(share)
			if !bad && share == 0.1 {
				misses++
			}
			steps[share] += n
		}
	}
	if alarms > often || misses > often {
		t.Errorf("got %d false alarms and %d misses in %d passes, want %d at most", alarms, misses, walks, often)
	}
	if !(steps[0.1] > steps[0.3] && steps[0.3] > steps[1]) {
		t.Errorf("got mean numbers of answers %v, want fewer for a worse canary", steps)
	}
	if n := steps[1] / walks; n != 2 {
		// ln(99) / ln(10) = 1.996
		t.Errorf("a canary that always fails: got %d answers, want 2", n)
	}
}
