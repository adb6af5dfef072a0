// Package expect holds claims about a phase against what was observed, with the statistics that this takes. It is pure:
// the same observation always gets the same verdict.
//
// A share passes if its count lies in the central 99.99 % of the binomial distribution that it claims, where Envoy picks
// a subset for each request at random and by itself. It is inconclusive with fewer requests than the claim needs (Need),
// unless what was seen contradicts it already. No data is never a pass.
package expect

import (
	"errors"
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// An Expectation is a claim about one phase.
type Expectation interface {
	// String says what is claimed, for people.
	fmt.Stringer
	// Check judges the phase.
	Check(o analysis.Observation) reports.Verdict
	// Cohort names whose requests the claim is about, "" for all.
	Cohort() string
	// Need is how many requests of Cohort, sent while the phase is settled, the claim takes to be conclusive.
	Need() int
}

// Needs returns how many settled requests a phase has to see before all of its expectations can be conclusive: by
// cohort, "" for all cohorts together.
func Needs(all []Expectation) map[string]int {
	need := map[string]int{}
	for _, e := range all {
		need[e.Cohort()] = max(need[e.Cohort()], e.Need())
	}
	return need
}

// Validate tells which expectations make no sense whatever is observed, such as a share of 150 percent.
func Validate(all []Expectation) error {
	var errs []error
	for _, e := range all {
		if v, ok := e.(interface{ Validate() error }); ok {
			errs = append(errs, v.Validate())
		}
	}
	return errors.Join(errs...)
}

// whose names a cohort's requests.
func whose(cohort string) string {
	if cohort == "" {
		return "all requests"
	}
	return "the requests of " + cohort
}

// tooFew judges what rests on fewer requests than it needs. ok is false where there are enough.
func tooFew(o analysis.Observation, n, need int) (why string, ok bool) {
	switch {
	case n >= need:
		return "", false
	case o.Start.IsZero():
		return "the phase never began", true
	case o.SettledAt.IsZero():
		return "the change was not seen to arrive at every proxy", true
	default:
		return fmt.Sprintf("%s requests are too few: this takes %s", format.Number(n), format.Number(need)), true
	}
}
