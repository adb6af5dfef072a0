package reports

import (
	"fmt"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"
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

// IntervalAt returns the exact two-sided confidence interval of a binomial proportion, as fractions of 1, after count
// successes in n trials: the shares that neither tail of the binomial distribution rules out at half of 1 - confidence. Its true
// coverage is never below confidence, also for few requests and for shares near 0 and 1, where the normal approximation fails.
// With no trials everything is possible: 0 to 1.
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
	return fmt.Sprintf("%s of %s (%s %%, 95 %% interval %s to %s)",
		Number(s.Count), Number(s.Of), Percent(s.Percent), Percent(s.Low), Percent(s.High))
}

// Percent prints a percentage without its sign, with as many digits as keep it from looking like 0 or 100 when it is
// not: "5.1", "99.98", "0".
func Percent(p float64) string {
	digits := 1
	switch edge := min(p, 100-p); {
	case edge <= 0:
		digits = 0
	case edge < 0.01:
		digits = 4
	case edge < 1:
		digits = 2
	}
	return strconv.FormatFloat(p, 'f', digits, 64)
}

// Number prints a count with its thousands apart: "5,000".
func Number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, digit := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return sign + b.String()
}
