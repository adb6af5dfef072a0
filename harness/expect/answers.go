package expect

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// answersSpan is how long answers are counted at least. answersSlack is by how much of that time the count may
// be off: a bucket that is filled once a second gives up to a second's worth more or less at either end of any
// window, and what was open before the limit came may send once more past it.
const answersSpan, answersSlack = 15 * time.Second, 2 * time.Second

// Answers claims that version answers rate requests a second, as a rate limit lets it. It is held against the
// whole of the settled phase, give or take two seconds' worth.
func Answers(version string, rate float64) answers { return answers{version, rate} }

type answers struct {
	version string
	rate    float64
}

// Cohort implements Expectation.
func (answers) Cohort() string { return "" }

// Need implements Expectation: what counts is the time, see Span.
func (answers) Need() int { return 1 }

// Span is how long the claim takes to be conclusive.
func (answers) Span() time.Duration { return answersSpan }

// String implements Expectation.
func (a answers) String() string {
	return fmt.Sprintf("%s answers %g requests a second", a.version, a.rate)
}

// Validate tells whether the claim makes sense.
func (a answers) Validate() error {
	if a.version == "" || a.rate <= 0 {
		return fmt.Errorf("%q: name a version, and a rate above 0", a)
	}
	return nil
}

// Check implements Expectation.
func (a answers) Check(o analysis.Observation) reports.Verdict {
	n, took := o.Settled.Total.Versions[a.version], o.Settled.Took().Seconds()
	v := reports.Verdict{Kind: "answers", Want: a.String(), Saw: fmt.Sprintf("%s in %.1f s", format.Number(n), took)}
	if took > 0 {
		v.Saw += fmt.Sprintf(" (%.1f a second)", float64(n)/took)
	}
	slack := answersSlack.Seconds()
	low, high := a.rate*(took-slack), a.rate*(took+slack)
	why, few := tooFew(o, o.Settled.Total.Requests, a.Need())
	switch {
	case few:
		return unsure(v, why)
	case float64(n) < low || float64(n) > high:
		return fails(v, fmt.Sprintf("%.0f to %.0f were claimed", low, high))
	case took < answersSpan.Seconds():
		return unsure(v, fmt.Sprintf("%.1f s are too short: this takes %s", took, answersSpan))
	}
	return passes(v)
}

func (a answers) offByHalf() (half Expectation, ok bool) { return answers{a.version, a.rate / 2}, true }

func (a answers) about() string { return a.version }

func (a answers) record() Record { return Record{Kind: "answers", Version: a.version, Rate: a.rate} }

var _ = recorded("answers", func(r Record) Expectation { return Answers(r.Version, r.Rate) })
