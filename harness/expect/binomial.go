package expect

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// FalseAlarm is how often an expectation about a share that is true fails by chance: at most once in 10,000. A full
	// run holds about a hundred of them, so that one run in a hundred has a false alarm. Nothing is retried to hide it.
	FalseAlarm = 1e-4
	// regionAlarm is the part of it that the binomial region may take. The other half is that of the look at
	// whether the share kept still (analysis.Dispersion).
	regionAlarm = FalseAlarm / 2
	// Power is how likely an expectation with Need requests catches a share that is off by its Margin.
	Power = 0.99
	// Stray is the share that an expectation of none (or of all) must be able to catch, with probability
	// 1-FalseAlarm: 1 % of the requests.
	Stray = 0.01
)

// Margin is how far off a share, in percentage points, is caught with probability Power, for a claim of
// percent: half of the claim or of its complement, at most 5 points. So 7.5 % are told from 5 %, 30 % from
// 25 %, 55 % from 50 %, and 97.5 % from 95 %.
func Margin(percent float64) float64 { return min(percent/2, (100-percent)/2, 5) }

// Region is the central 99.995 % of the binomial distribution with n trials of probability p: the counts that neither
// tail of a quarter of FalseAlarm holds. A count outside of it contradicts p.
func Region(n int, p float64) (low, high int) {
	switch {
	case n <= 0 || p <= 0:
		return 0, 0
	case p >= 1:
		return n, n
	}
	b := distuv.Binomial{N: float64(n), P: p}
	low = sort.Search(n, func(k int) bool { return b.CDF(float64(k)) > regionAlarm/2 })
	high = sort.Search(n, func(k int) bool { return b.CDF(float64(k)) >= 1-regionAlarm/2 })
	return low, high
}

// caught is the probability that a count out of n falls outside of the region from low to high when its share is p.
func caught(n, low, high int, p float64) float64 {
	b := distuv.Binomial{N: float64(n), P: p}
	inside := b.CDF(float64(high))
	if low > 0 {
		inside -= b.CDF(float64(low - 1))
	}
	return 1 - inside
}

// showing is how many show a stray share with probability 1-FalseAlarm.
func showing(stray float64) int { return int(math.Ceil(math.Log(FalseAlarm) / math.Log(1-stray))) }

// tells tells whether Region with n trials of probability p catches shares that are off by margin, with probability
// Power each.
func tells(n int, p, margin float64) bool {
	low, high := Region(n, p)
	return caught(n, low, high, p-margin) >= Power && caught(n, low, high, p+margin) >= Power
}

// requests is how many a claim of percent needs.
//
// For 0 and 100 that is as many as show a stray share of Stray with probability 1-FalseAlarm:
// ln(FalseAlarm)/ln(1-Stray). For others it is the fewest for which Region catches percent-Margin and
// percent+Margin with probability Power each, by the exact distribution, to within half a percent. With so
// many, the region never holds 0 or all.
func requests(percent float64) int {
	if percent <= 0 || percent >= 100 {
		return showing(Stray)
	}
	p, margin := percent/100, Margin(percent)/100
	enough := func(n int) bool { return tells(n, p, margin) }
	// The normal approximation with both quantiles (Fleiss, "Statistical Methods for Rates and Proportions", on sample
	// sizes) is near; the exact distribution has the last word.
	a, b := distuv.UnitNormal.Quantile(1-regionAlarm/2), distuv.UnitNormal.Quantile(Power)
	near := 0.0
	for _, q := range []float64{p - margin, p + margin} {
		root := (a*math.Sqrt(p*(1-p)) + b*math.Sqrt(q*(1-q))) / margin
		near = max(near, root*root)
	}
	n := int(near * 0.9)
	for !enough(n) {
		n += max(n/200, 1)
	}
	return n
}

// bounded is how many requests a claim of a share of p or more (bound 1) or of p or less (bound -1) needs: the
// fewest for which a share of q falls outside of Region with probability Power, to within half a percent.
func bounded(p, q float64, bound int) int {
	enough := func(n int) bool {
		low, high := Region(n, p)
		if bound < 0 {
			return low > 0 && below(n, low, q) >= Power
		}
		return high < n && 1-below(n, high+1, q) >= Power
	}
	n := 10
	for !enough(n) {
		n += max(n/200, 1)
	}
	return n
}

// below is the probability of fewer than k successes in n trials of probability q.
func below(n, k int, q float64) float64 {
	if q >= 1 {
		return 0 // all n succeed, and k is n at most
	}
	return distuv.Binomial{N: float64(n), P: q}.CDF(float64(k - 1))
}
