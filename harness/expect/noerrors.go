package expect

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports"
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
func (e noErrors) Check(o reports.Observation) reports.Verdict {
	counts := o.Settled.Of(e.cohort)
	failed := errorsIn(counts)
	v := reports.Verdict{
		Kind: "no-errors", Want: e.String(), Saw: reports.NewShare(failed, counts.Requests).String(),
		Outcome: reports.Pass,
	}
	why, few := tooFew(o, counts.Requests, e.Need())
	switch {
	case failed > 0:
		v.Outcome, v.Why = reports.Fail, listErrors(counts, nil)
	case few:
		v.Outcome, v.Why = reports.Inconclusive, why
	}
	return v
}

func (e noErrors) excludes(other Expectation) bool {
	r, ok := requestOf(other)
	return ok && r.failed && overlap(e.cohort, other.Cohort())
}

// isError tells whether a status is an error: none at all, or one of 400 or above.
func isError(code int) bool { return code == 0 || code >= 400 }

// errorsIn counts the requests that met an error.
func errorsIn(c reports.Counts) int {
	failed := 0
	for code, n := range c.Codes {
		if isError(code) {
			failed += n
		}
	}
	return failed
}

// listErrors lists the errors that were met, but for some.
func listErrors(c reports.Counts, but func(reports.Failure) bool) string {
	var all []string
	for _, f := range c.Failures {
		if isError(f.Code) && (but == nil || !but(f)) {
			all = append(all, fmt.Sprintf("%s × %s", f.Key(), reports.Number(f.Count)))
		}
	}
	return strings.Join(all, ", ")
}
