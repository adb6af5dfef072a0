package expect

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

const (
	// leastCanary is the smallest part of all requests, as a fraction of 1, that the version of a claim about attempts
	// has to have. Of a smaller one too few reach its pods, and the claim is inconclusive.
	leastCanary = 0.1
	// leastAsked is how many requests have to reach a version's pods before the mean of their attempts is known to a
	// few percent, and is spread as a normal distribution.
	leastAsked = 250
)

// Attempts claims that a request which reaches the pods of version does so so many times on average, by the entries of
// the proxies in these pods: a proxy that retries sends it again, and the callers never know. 1 is a version whose
// requests are never tried again. The mean is held against the interval in which it lies in 19,999 of 20,000 runs, by
// the spread that was seen.
func Attempts(version string, times float64) attempts { return attempts{version, times} }

type attempts struct {
	version string
	mean    float64
}

// Cohort implements Expectation.
func (attempts) Cohort() string { return "" }

// Need implements Expectation: enough that a tenth of them is leastAsked.
func (attempts) Need() int { return asked(leastAsked) }

// asked is how many requests it takes so that n of them reach a version with a tenth.
func asked(n int) int { return int(math.Ceil(float64(n) / leastCanary)) }

// String implements Expectation.
func (a attempts) String() string {
	return fmt.Sprintf("a request for %s reaches its pods %s times on average", a.version,
		exactly(a.mean))
}

// Requires tells that attempts have to be counted.
func (attempts) Requires() Requirement { return Requirement{Attempts: true} }

// Validate tells whether the claim makes sense.
func (a attempts) Validate() error {
	if a.version == "" || !(a.mean >= 1) {
		return fmt.Errorf("%q: name a version, and a number of 1 or above", a)
	}
	return nil
}

// Check implements Expectation.
func (a attempts) Check(o analysis.Observation) reports.Verdict {
	seen := o.Settled.Total.Attempts[a.version]
	v := reports.Verdict{Kind: "attempts", Want: a.String(), Saw: "no request at its pods"}
	why, few := tooFew(o, seen.Requests, leastAsked)
	if seen.Requests == 0 {
		return unsure(v, why)
	}
	z := distuv.UnitNormal.Quantile(1 - regionAlarm/2)
	half := z * math.Sqrt(seen.Variance()/float64(seen.Requests))
	v.Saw = fmt.Sprintf("%.3f times (%s requests, %s attempts)", seen.Mean(), format.Number(seen.Requests),
		format.Number(seen.Attempts))
	switch {
	case math.Abs(seen.Mean()-a.mean) > half+rounding:
		const spread = "so many requests with that spread have a mean within %.3f of the true one in 19,999 of " +
			"20,000 runs"
		return fails(v, fmt.Sprintf(spread, half))
	case few:
		return unsure(v, why)
	}
	return passes(v)
}

// offByHalf halves what comes on top of one attempt for each request.
func (a attempts) offByHalf() (half Expectation, ok bool) {
	return attempts{a.version, 1 + (a.mean-1)/2}, a.mean > 1
}

// Whether an attempt fails and is made again does not depend on when the request was sent.
func (attempts) rests(reports.Verdict, circumstances) footing { return footing{} }

func (a attempts) about() string { return a.version }

func (a attempts) record() Record {
	return Record{Kind: "attempts", Version: a.version, Times: a.mean}
}

var _ = recorded("attempts", func(r Record) Expectation { return Attempts(r.Version, r.Times) })
