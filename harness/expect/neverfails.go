package expect

import (
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// NeverFails claims that no request of the whole phase fails, from the write on: also none that was sent while the
// change was on its way, which NoErrors does not look at. A request fails that gets no answer, or one with a status
// of 400 or above.
func NeverFails() neverFails { return neverFails{} }

type neverFails struct{ atMost }

// Of limits the claim to the requests of one cohort.
func (e neverFails) Of(cohort string) neverFails {
	e.cohort = cohort
	return e
}

// String implements Expectation.
func (e neverFails) String() string { return e.limit() + e.whom() + " fails from the write on" }

// Check implements Expectation.
func (e neverFails) Check(o analysis.Observation) reports.Verdict {
	return e.check(o, reports.Verdict{Kind: "never-fails", Want: e.String()})
}

func (e neverFails) excludes(other Expectation) bool { return e.excludesFailures(other) }

func (e neverFails) record() Record { return Record{Kind: "never-fails", Cohort: e.cohort} }

var _ = recorded("never-fails", func(r Record) Expectation { return NeverFails().Of(r.Cohort) })
