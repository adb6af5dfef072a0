package expect

import (
	"fmt"
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// AnsweredWithin claims that percent of the requests have their answers within a time, counted from the moment that
// each was due. It is about those that were sent, as an objective of a service's level is, and not about a chance.
// percent is one of the percentiles that a run keeps: 50, 90, 99, 99.9 or 100.
func AnsweredWithin(percent float64, within time.Duration) answeredWithin {
	return answeredWithin{percent: percent, within: within}
}

type answeredWithin struct {
	percent float64
	within  time.Duration
	cohort  string
}

// percentiles are those that a run keeps. The need of each is twenty times what one request in its tail takes, so that
// the percentile is not that of a single request's bad luck. That of all requests is the slowest one's.
var percentiles = []struct {
	percent float64
	need    int
	of      func(analysis.Latency) time.Duration
}{
	{50, 40, func(l analysis.Latency) time.Duration { return l.P50 }},
	{90, 200, func(l analysis.Latency) time.Duration { return l.P90 }},
	{99, 2_000, func(l analysis.Latency) time.Duration { return l.P99 }},
	{99.9, 20_000, func(l analysis.Latency) time.Duration { return l.P999 }},
	{100, 200, func(l analysis.Latency) time.Duration { return l.Max }},
}

func (a answeredWithin) index() int {
	return slices.IndexFunc(percentiles, func(p struct {
		percent float64
		need    int
		of      func(analysis.Latency) time.Duration
	}) bool {
		return p.percent == a.percent
	})
}

// Of limits the claim to the requests of one cohort.
func (a answeredWithin) Of(cohort string) answeredWithin {
	a.cohort = cohort
	return a
}

// Cohort implements Expectation.
func (a answeredWithin) Cohort() string { return a.cohort }

// Need implements Expectation.
func (a answeredWithin) Need() int {
	if i := a.index(); i >= 0 {
		return percentiles[i].need
	}
	return 1
}

// String implements Expectation.
func (a answeredWithin) String() string {
	return fmt.Sprintf("%s %% of %s are answered within %s", exactly(a.percent),
		whose(a.cohort), a.within)
}

// Validate tells whether the claim makes sense.
func (a answeredWithin) Validate() error {
	if a.index() < 0 {
		return fmt.Errorf("%q: name one of the percentiles that a run keeps: 50, 90, 99, 99.9 or 100", a)
	}
	return positive(a, a.within)
}

// Check implements Expectation. A run keeps the latencies of each version by themselves: the percentile of all lies
// between the lowest and the highest of theirs.
func (a answeredWithin) Check(o analysis.Observation) reports.Verdict {
	counts := o.Settled.Of(a.cohort)
	v := reports.Verdict{Kind: "answered-within", Want: a.String(), Saw: "no requests"}
	var low, high time.Duration
	unanswered := 0
	if i := a.index(); i >= 0 {
		first := true
		for version, l := range counts.Latency {
			if l.N == 0 {
				continue
			}
			d := percentiles[i].of(l)
			if first {
				low, high, first = d, d, false
			}
			low, high = min(low, d), max(high, d)
			if version == "" {
				unanswered = l.N
			}
		}
		if !first {
			v.Saw = format.Short(low)
			if high > low {
				v.Saw += " to " + format.Short(high)
			}
			v.Saw += fmt.Sprintf(" of %s requests", format.Number(counts.Requests))
			v.Saw += format.When(unanswered > 0,
				fmt.Sprintf(", %s of which no app answered", format.Number(unanswered)))
		}
		if i == len(percentiles)-1 {
			low = high // the slowest of all
		}
	}
	why, few := tooFew(o, counts.Requests, a.Need())
	switch {
	case few:
		return unsure(v, why)
	case low > a.within:
		return fails(v, "it took longer than "+a.within.String())
	case high > a.within:
		return unsure(v, "it took longer than that of one version, and not of another")
	}
	return passes(v)
}

func (a answeredWithin) offByHalf() (half Expectation, ok bool) { return nil, false }

func (a answeredWithin) record() Record {
	return Record{Kind: "answered-within", Percent: a.percent, Time: a.within, Cohort: a.cohort}
}

var _ = recorded("answered-within", func(r Record) Expectation {
	return AnsweredWithin(r.Percent, r.Time).Of(r.Cohort)
})
