package compare

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports/analysis"
)

// bracketConfidence is that of a rollback's bracket (see analysis.Rollback) and, so that both read alike, of a
// percentile's.
const bracketConfidence = 0.99

// percentile reads a percentile, in milliseconds, from a curve, and brackets it: the true percentile lies
// between two of the sorted latencies, whose ranks the binomial distribution gives. A curve does not have every
// latency, so the next lower and the next higher point that it has are taken. high is +Inf where even the
// longest latency is no bound. All of it takes requests as independent of each other, which those of one run
// are not quite: a slow moment is slow for many.
//
// Source: H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed. (2003), section 7.1.
func percentile(c analysis.Curve, percent float64) (value, low, high float64) {
	n, p := c.N, percent/100
	binomial := distuv.Binomial{N: float64(n), P: p}
	tail := (1 - bracketConfidence) / 2
	// lower is the largest rank that at most that tail of all samples have above the percentile; upper is its
	// mirror. Fewer than lower latencies lie below the percentile in that tail.
	lower := sort.Search(n, func(r int) bool { return binomial.CDF(float64(r)) > tail })
	upper := 1 + sort.Search(n, func(r int) bool { return binomial.CDF(float64(r)) >= 1-tail })
	low, high = 0, math.Inf(1)
	for i, at := range c.Percents {
		// The point is the latency of this rank. Percents are rounded to a millionth.
		rank := max(int(math.Ceil(at*float64(n)/100-1e-4)), 1)
		if rank <= lower {
			low = c.LatencyMS[i]
		}
		if rank >= upper && math.IsInf(high, 1) {
			high = c.LatencyMS[i]
		}
	}
	return between(c, percent), low, high
}

// between reads a curve at a percent, on the straight line between the two points next to it.
func between(c analysis.Curve, percent float64) float64 {
	i := sort.SearchFloat64s(c.Percents, percent)
	switch {
	case i == len(c.Percents):
		return 0
	case i == 0 || c.Percents[i] == percent:
		return c.LatencyMS[i]
	}
	part := (percent - c.Percents[i-1]) / (c.Percents[i] - c.Percents[i-1])
	return c.LatencyMS[i-1] + part*(c.LatencyMS[i]-c.LatencyMS[i-1])
}
