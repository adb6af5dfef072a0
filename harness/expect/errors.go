package expect

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// An Errors claims which errors requests may meet. Make it with NoErrors or OnlyErrors. An error is a request without an
// answer, or with a status of 400 or above: a canary's caller that gets 404 because no route matches is not well.
type Errors struct {
	code   int
	flag   string
	cohort string
}

// NoErrors claims that every request was answered, with a status below 400.
func NoErrors() Errors { return Errors{} }

// OnlyErrors claims that there are errors, and that each of them has the HTTP status code and Envoy's response flag.
// Several flags are compared as in Flag. How many there are is for Flag to claim.
func OnlyErrors(code int, flag string) Errors { return Errors{code: code, flag: flag} }

// Of limits the claim to the requests of one cohort.
func (e Errors) Of(cohort string) Errors {
	e.cohort = cohort
	return e
}

// Cohort implements Expectation.
func (e Errors) Cohort() string { return e.cohort }

// Need implements Expectation: enough to see errors that meet 1 % of the requests.
func (e Errors) Need() int { return requests(0) }

// String implements Expectation.
func (e Errors) String() string {
	if e.flag == "" {
		return "no errors among " + whose(e.cohort)
	}
	return fmt.Sprintf("no errors but status %d with flag %s among %s", e.code, e.flag, whose(e.cohort))
}

// Validate tells whether the claim makes sense.
func (e Errors) Validate() error {
	if e.flag == "" && e.code != 0 {
		return fmt.Errorf("%q: name the flag of status %d, or - for none", e, e.code)
	}
	return nil
}

// Check implements Expectation.
func (e Errors) Check(o analysis.Observation) reports.Verdict {
	counts := o.Settled.Of(e.cohort)
	failed, wanted, unknown := 0, 0, 0
	for code, n := range counts.Codes {
		if code == 0 || code >= 400 {
			failed += n
		}
	}
	var others []string
	for _, f := range counts.Failures {
		switch {
		case f.Code != 0 && f.Code < 400:
		case e.flag == "":
			others = append(others, fmt.Sprintf("%s × %s", f.Key(), format.Number(f.Count)))
		case f.Code == e.code && hasFlags(f.Flag, e.flag):
			wanted += f.Count
		case f.Code == e.code && f.Flag == analysis.NotLogged:
			unknown += f.Count
		default:
			others = append(others, fmt.Sprintf("%s × %s", f.Key(), format.Number(f.Count)))
		}
	}
	v := reports.Verdict{Want: e.String()}
	v.Saw = analysis.NewShare(failed, counts.Requests).String()
	if e.flag != "" && counts.Requests > 0 {
		v.Saw = fmt.Sprintf("%s of %s errors, in %s requests", format.Number(wanted), format.Number(failed),
			format.Number(counts.Requests))
	}
	why, few := tooFew(o, counts.Requests, e.Need())
	switch {
	case failed > wanted+unknown:
		v.Outcome = reports.Fail
		v.Why = strings.Join(others, ", ")
	case few:
		v.Outcome, v.Why = reports.Inconclusive, why
	case unknown > 0:
		v.Outcome = reports.Inconclusive
		v.Why = fmt.Sprintf("the access log has no entry for %s of the errors, so that their flag is not known", format.Number(unknown))
	case e.flag != "" && failed == 0:
		v.Outcome, v.Why = reports.Inconclusive, "no request met an error, so there is nothing to tell from"
	default:
		v.Outcome = reports.Pass
	}
	return v
}
