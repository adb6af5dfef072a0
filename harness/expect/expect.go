// Package expect holds claims about a phase against what was observed, with the statistics that this takes. It is pure:
// the same observation always gets the same verdict.
//
// A share passes if its count lies in the central 99.995 % of the binomial distribution that it claims, where
// Envoy picks a subset for each request at random and by itself. It is inconclusive with fewer requests than
// the claim needs (Need), unless what was seen contradicts it already. No data is never a pass.
//
// Each expectation has one exported name, the function that makes it, in a file of its own. Nothing else lists
// the expectations: that file and its test are all that a new one takes. An expectation that has the method Of
// can be limited to the requests of one cohort. Share, Status and Flag can be bounds too, by AtLeast and
// AtMost.
package expect

import (
	"errors"
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// An Expectation is a claim about one phase. It may have more methods: Requires, Validate, Span (how long a
// phase has to last for it), about (the version that it is about), and the ones of conflict.go.
type Expectation interface {
	// String says what is claimed, for people.
	fmt.Stringer
	// Check judges the phase.
	Check(o analysis.Observation) reports.Verdict
	// Cohort names whose requests the claim is about, "" for all.
	Cohort() string
	// Need is how many requests of Cohort, sent while the phase is settled, the claim takes to be conclusive.
	Need() int
	// record is the claim as data. The file of the expectation says by recorded how it is made of that again.
	record() Record
}

// A Requirement says what a claim takes of its phase beside requests.
type Requirement struct {
	// Rollback tells that the phase has to roll back, as the claim is about the rollback clock.
	Rollback bool
	// Decision tells that the phase needs a detector, as the claim is about the detector's decision.
	Decision bool
	// AtOnce tells that the phase has to end as soon as the detector decides, as the rollback is to follow.
	AtOnce bool
	// Change tells that the claim is about requests that were sent while the change was on its way too.
	Change bool
	// Routing tells that the phase has to have a Routing, as the claim is about where requests end.
	Routing bool
	// Attempts tells that what the pods of each version were asked has to be counted, as the claim is about that.
	Attempts bool
	// Users is how many virtual users the claim's cohort has to have, 0 for none.
	Users int
	// Held tells that the claim's cohort has to hold TCP connections open.
	Held bool
	// Than names an earlier phase that rolls back, as the claim compares the two. Empty where it compares none.
	Than string
}

// Judge returns the verdict on e, a claim of the last phase of those that were observed. What e compares its phase
// with is among the earlier ones. The verdict is Invalid if it rests on what the run's problems shake.
func Judge(e Expectation, observed []analysis.Observation, b analysis.Accounting) reports.Verdict {
	o := observed[len(observed)-1]
	return hold(e, o, seen(e, observed), b)
}

// seen is the verdict by what was observed alone.
func seen(e Expectation, observed []analysis.Observation) reports.Verdict {
	o := observed[len(observed)-1]
	if c, ok := e.(comparer); ok {
		for _, other := range observed[:len(observed)-1] {
			if other.Phase == Requires(e).Than {
				return c.compare(o, other)
			}
		}
	}
	return e.Check(o)
}

// A comparer is a claim that compares its phase with the one that it Requires.
type comparer interface {
	compare(o, other analysis.Observation) reports.Verdict
}

// OffByHalf returns what e would claim if its number were half of what it should be: half of a share, twice a
// bound below. What passes e has to fail it, or e could not tell the one number from the other. ok is false
// where e has no such number.
func OffByHalf(e Expectation) (half Expectation, ok bool) {
	if n, has := e.(interface{ offByHalf() (Expectation, bool) }); has {
		return n.offByHalf()
	}
	return nil, false
}

// Requires returns what e takes of its phase beside requests.
func Requires(e Expectation) Requirement {
	if r, ok := e.(interface{ Requires() Requirement }); ok {
		return r.Requires()
	}
	return Requirement{}
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

// Version returns the version that a claim is about, empty where it is about none.
func Version(e Expectation) string {
	if claim, ok := e.(interface{ about() (version string) }); ok {
		return claim.about()
	}
	return ""
}

// passes, fails and unsure complete a verdict.
func passes(v reports.Verdict) reports.Verdict {
	v.Outcome = reports.Pass
	return v
}

func fails(v reports.Verdict, why string) reports.Verdict {
	v.Outcome, v.Why = reports.Fail, why
	return v
}

func unsure(v reports.Verdict, why string) reports.Verdict {
	v.Outcome, v.Why = reports.Inconclusive, why
	return v
}

// whose names a cohort's requests.
func whose(cohort string) string {
	if cohort == "" {
		return "all requests"
	}
	return "the requests of " + cohort
}

const notSettled = "the change was not seen to arrive at every proxy"

// tooFew judges what rests on fewer requests than it needs. ok is false where there are enough.
func tooFew(o analysis.Observation, n, need int) (why string, ok bool) {
	return tooFewOf(o, "requests are too few", n, need)
}

// tooFewOf is tooFew for what is counted in something else: what says that there are too few attempts, for example.
func tooFewOf(o analysis.Observation, what string, n, need int) (why string, ok bool) {
	switch {
	case n >= need:
		return "", false
	case o.Start.IsZero():
		return "the phase never began", true
	case o.SettledAt.IsZero():
		return notSettled, true
	default:
		return fmt.Sprintf("%s %s: this takes %s", format.Number(n), what, format.Number(need)), true
	}
}

// positive tells whether a claim's time is above 0.
func positive(e Expectation, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("%q: name a time above 0", e)
	}
	return nil
}
