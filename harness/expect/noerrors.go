package expect

import (
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// NoErrors claims that every request was answered, with a status below 400. A canary's caller that gets 404 because no
// route matches is not well.
func NoErrors() noErrors { return noErrors{} }

type noErrors struct{ cohort string }

// Of limits the claim to the requests of one cohort.
func (noErrors) Of(cohort string) noErrors { return noErrors{cohort} }

// Cohort implements Expectation.
func (e noErrors) Cohort() string { return e.cohort }

// Need implements Expectation: enough to see errors that meet 1 % of the requests.
func (noErrors) Need() int { return requests(0) }

// String implements Expectation.
func (e noErrors) String() string { return "no errors among " + whose(e.cohort) }

// Check implements Expectation.
func (e noErrors) Check(o analysis.Observation) reports.Verdict {
	counts := o.Settled.Of(e.cohort)
	failed := failed(counts)
	saw := analysis.NewShare(failed, counts.Requests).String()
	v := reports.Verdict{Kind: "no-errors", Want: e.String(), Saw: saw}
	why, few := tooFew(o, counts.Requests, e.Need())
	switch {
	case failed > 0:
		return fails(v, listErrors(counts, nil))
	case few:
		return unsure(v, why)
	}
	return passes(v)
}

func (e noErrors) excludes(other Expectation) bool {
	r, ok := requestOf(other)
	return ok && r.failed && overlap(e.cohort, other.Cohort())
}

// No error that the load can cause was there although requests came at once: on time there is none either. With fewer
// requests than planned there might be.
func (e noErrors) rests(v reports.Verdict, at circumstances) footing {
	if v.Outcome == reports.Pass {
		return footing{atRate: true}
	}
	c := at.Settled.Of(e.cohort)
	return footing{onTime: failed(c) == failures(c, byLoad)}
}

func (e noErrors) record() Record { return Record{Kind: "no-errors", Cohort: e.cohort} }

var _ = recorded("no-errors", func(r Record) Expectation { return NoErrors().Of(r.Cohort) })
