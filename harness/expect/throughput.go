package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// throughputSpan is how long a Throughput is watched at least, and throughputSlack by how much of it the count may be off: a bucket that is filled
// once a second gives up to a second's worth more or less at either end of any window, and what was open before the limit came may send once
// more past it.
const throughputSpan, throughputSlack = 15 * time.Second, 2 * time.Second

// A Throughput claims how many requests a version answers in a second. Make it with Answers.
type Throughput struct {
	version string
	rate    float64
}

// Answers claims that version answers rate requests a second, as a rate limit lets it. It is held against the whole of the settled phase, give or
// take two seconds' worth.
func Answers(version string, rate float64) Throughput { return Throughput{version, rate} }

// Cohort implements Expectation.
func (Throughput) Cohort() string { return "" }

// Need implements Expectation: what counts is the time, see Span.
func (Throughput) Need() int { return 1 }

// Span is how long the claim takes to be conclusive.
func (Throughput) Span() time.Duration { return throughputSpan }

// String implements Expectation.
func (t Throughput) String() string {
	return fmt.Sprintf("%s answers %g requests a second", t.version, t.rate)
}

// Validate tells whether the claim makes sense.
func (t Throughput) Validate() error {
	if t.version == "" || t.rate <= 0 {
		return fmt.Errorf("%q: name a version, and a rate above 0", t)
	}
	return nil
}

// Check implements Expectation.
func (t Throughput) Check(o analysis.Observation) reports.Verdict {
	n, took := o.Settled.Total.Versions[t.version], o.Settled.Took().Seconds()
	v := reports.Verdict{Want: t.String(), Saw: fmt.Sprintf("%s in %.1f s", format.Number(n), took)}
	if took > 0 {
		v.Saw += fmt.Sprintf(" (%.1f a second)", float64(n)/took)
	}
	slack := throughputSlack.Seconds()
	low, high := t.rate*(took-slack), t.rate*(took+slack)
	why, few := tooFew(o, o.Settled.Total.Requests, t.Need())
	switch {
	case few:
		v.Outcome, v.Why = reports.Inconclusive, why
	case float64(n) < low || float64(n) > high:
		v.Outcome, v.Why = reports.Fail, fmt.Sprintf("%.0f to %.0f were claimed", low, high)
	case took < throughputSpan.Seconds():
		v.Outcome, v.Why = reports.Inconclusive, fmt.Sprintf("%.1f s are too short: this takes %s", took, throughputSpan)
	default:
		v.Outcome = reports.Pass
	}
	return v
}
