package analysis

import (
	"fmt"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports/format"
)

// Confidence is that of every interval in a report.
const Confidence = 0.95

// A Share is a count out of a number of requests, with its exact (Clopper-Pearson) 95 % interval.
type Share struct {
	Count int `json:"count"`
	Of    int `json:"of"`
	// Percent is 100 Count/Of. Low and High bound the true percentage with 95 % confidence. All are 0 where Of is 0.
	Percent float64 `json:"percent"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// NewShare returns count out of of, with its interval.
func NewShare(count, of int) Share {
	s := Share{Count: count, Of: of}
	if of <= 0 {
		return s
	}
	low, high := Interval(count, of)
	s.Percent, s.Low, s.High = 100*float64(count)/float64(of), 100*low, 100*high
	return s
}

// Interval is IntervalAt with the Confidence of a report.
func Interval(count, n int) (low, high float64) { return interval(count, n, (1-Confidence)/2) }

// IntervalAt returns the exact two-sided confidence interval of a binomial proportion, as fractions of 1, after
// count successes in n trials: the shares that neither tail of the binomial distribution rules out at half of 1
// - confidence. Its true coverage is never below confidence, also for few requests and for shares near 0 and 1,
// where the normal approximation fails. With no trials everything is possible: 0 to 1.
//
// Source: C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
// binomial", Biometrika 26 (1934) 404-413, in its form with quantiles of the beta distribution.
func IntervalAt(count, n int, confidence float64) (low, high float64) {
	return interval(count, n, (1-confidence)/2)
}

func interval(count, n int, tail float64) (low, high float64) {
	k, m := float64(count), float64(n)
	low, high = 0, 1
	if count > 0 {
		low = distuv.Beta{Alpha: k, Beta: m - k + 1}.Quantile(tail)
	}
	if count < n {
		high = distuv.Beta{Alpha: k + 1, Beta: m - k}.Quantile(1 - tail)
	}
	return low, high
}

// String is the share for people: "256 of 5,000 (5.1 %, 95 % interval 4.5 to 5.8)".
func (s Share) String() string {
	if s.Of == 0 {
		return "no requests"
	}
	return fmt.Sprintf("%s of %s (%s %%, 95 %% interval %s to %s)", format.Number(s.Count), format.Number(s.Of),
		format.Percent(s.Percent), format.Percent(s.Low), format.Percent(s.High))
}
