package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// OnlyErrors claims that there are errors, and that each of them has the HTTP status code and Envoy's response
// flag. An error is a request without an answer, or with a status of 400 or above. Several flags are compared
// as in Flag. How many errors there are is for Flag to claim.
func OnlyErrors(code int, flag string) onlyErrors { return onlyErrors{code: code, flag: flag} }

type onlyErrors struct {
	code   int
	flag   string
	cohort string
}

// Of limits the claim to the requests of one cohort.
func (e onlyErrors) Of(cohort string) onlyErrors {
	e.cohort = cohort
	return e
}

// Cohort implements Expectation.
func (e onlyErrors) Cohort() string { return e.cohort }

// Need implements Expectation: enough to see errors that meet 1 % of the requests.
func (onlyErrors) Need() int { return requests(0) }

// String implements Expectation.
func (e onlyErrors) String() string {
	return fmt.Sprintf("no errors but status %d with flag %s among %s", e.code, e.flag, whose(e.cohort))
}

// Validate tells whether the claim makes sense.
func (e onlyErrors) Validate() error {
	if e.flag == "" {
		return fmt.Errorf("%q: name the flag of status %d, or - for none", e, e.code)
	}
	return nil
}

// Check implements Expectation.
func (e onlyErrors) Check(o analysis.Observation) reports.Verdict {
	counts := o.Settled.Of(e.cohort)
	// A flag that was not logged may be the one.
	maybe := func(f analysis.Failure) bool {
		return f.Code == e.code && (hasFlags(f.Flag, e.flag) || f.Flag == analysis.NotLogged)
	}
	failed, wanted, unknown := failed(counts), 0, 0
	for _, f := range counts.Failures {
		switch {
		case !f.Failed() || !maybe(f):
		case hasFlags(f.Flag, e.flag):
			wanted += f.Count
		default:
			unknown += f.Count
		}
	}
	saw := analysis.NewShare(failed, counts.Requests).String()
	v := reports.Verdict{Kind: "only-errors", Want: e.String(), Saw: saw}
	if counts.Requests > 0 {
		v.Saw = fmt.Sprintf("%s of %s errors, in %s requests",
			format.Number(wanted), format.Number(failed), format.Number(counts.Requests))
	}
	why, few := tooFew(o, counts.Requests, e.Need())
	switch {
	case failed > wanted+unknown:
		return fails(v, listErrors(counts, maybe))
	case few:
		return unsure(v, why)
	case unknown > 0:
		const unlogged = "the access log has no entry for %s of the errors, so that their flag is not known"
		return unsure(v, fmt.Sprintf(unlogged, format.Number(unknown)))
	case failed == 0:
		return unsure(v, "no request met an error, so there is nothing to tell from")
	}
	return passes(v)
}

func (e onlyErrors) present() (request, bool) {
	return request{failed: loadgen.Failed(e.code), code: e.code}, true
}

func (e onlyErrors) excludes(other Expectation) bool {
	r, ok := requestOf(other)
	return ok && r.failed && r.code != e.code && r.code != anyCode && overlap(e.cohort, other.Cohort())
}

// That all errors are those which the configuration makes is as with no errors.
func (e onlyErrors) rests(v reports.Verdict, at circumstances) footing {
	c := at.Settled.Of(e.cohort)
	if v.Outcome == reports.Pass {
		return footing{onTime: failures(c, byLoad) > 0, atRate: true}
	}
	others := failures(c, func(f analysis.Failure) bool {
		return f.Failed() && !byLoad(f) && (f.Code != e.code || !hasFlags(f.Flag, e.flag))
	})
	return footing{onTime: others == 0}
}

func (e onlyErrors) record() Record {
	return Record{Kind: "only-errors", Code: e.code, Flag: e.flag, Cohort: e.cohort}
}

var _ = recorded("only-errors", func(r Record) Expectation { return OnlyErrors(r.Code, r.Flag).Of(r.Cohort) })
