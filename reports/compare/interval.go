package compare

import (
	"math"
	"slices"
)

// Risk is the chance that a comparison of sides that are alike shows any difference at all.
const Risk = 0.05

// An interval is an estimate with its uncertainty. A higher confidence never makes it narrower.
type interval interface {
	interval(confidence float64) (low, high float64)
}

// without tells that the interval at a confidence leaves out a value.
func without(i interval, value, confidence float64) bool {
	low, high := i.interval(confidence)
	return low > value || high < value
}

const (
	// leastP is the smallest p that is told apart.
	leastP = 1e-12
	// leastConfidence stands for 0, where an interval is no more than its estimate and quantiles are divided by
	// each other that are both 0.
	leastConfidence = 1e-6
)

// pValue is the smallest risk at which the interval leaves 0 out: test and interval are two views of one thing.
func pValue(i interval) float64 {
	if without(i, 0, 1-leastP) {
		return leastP
	}
	if !without(i, 0, leastConfidence) {
		return 1
	}
	// The confidence is 1 - p; the logarithm of p is halved until p is known to a thousandth of itself.
	low, high := math.Log(leastP), 0.0
	for high-low > 1e-3 {
		middle := (low + high) / 2
		if without(i, 0, 1-math.Exp(middle)) {
			high = middle
		} else {
			low = middle
		}
	}
	return math.Exp(high)
}

// holm says which of several comparisons count as differences, so that the chance of any false one among all is
// risk at most, and at which confidence every interval shows the same: with it, those that are a difference
// leave their zero out, and the others have it in them.
//
// The smallest p has to be below risk/m, the next below risk/(m-1), and so on up to the first that is not. If k
// were found, the common level is risk/(m-k), that of the step at which it ended: p of those found lies below
// an earlier and so a smaller level, and p of all others above this one.
//
// Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979) 65-70.
func holm(p []float64, risk float64) (found int, confidence float64) {
	sorted := slices.Sorted(slices.Values(p))
	for found < len(sorted) && sorted[found] <= risk/float64(len(sorted)-found) {
		found++
	}
	return found, 1 - risk/float64(max(len(sorted)-found, 1))
}
