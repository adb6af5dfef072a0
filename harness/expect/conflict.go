package expect

import (
	"errors"
	"fmt"
)

// Expectations that rule others out have some of these methods.
type (
	// An excluder is a claim that rules others out.
	excluder interface {
		// excludes tells whether the claim and another one can't both hold. It looks one way only.
		excludes(other Expectation) bool
	}
	// A presence is a claim that there are requests of some sort.
	presence interface {
		// present returns the sort of request that there is if the claim holds. It has no cohort, as that is
		// the claim's. ok is false where the claim holds without one.
		present() (sort request, ok bool)
	}
	// A portion is a claim of a part of some requests, of which all parts are 100 percent.
	portion interface {
		// portion returns the part, and what it is a part of. ok is false where parts can't be added up.
		portion() (percent float64, of whole, ok bool)
	}
)

// A request is one of a sort: answered by a version, or ended with an error of some status.
type request struct {
	version string
	failed  bool
	// code is the HTTP status, anyCode where it may be any.
	code int
}

// anyCode is no HTTP status.
const anyCode = -1

// A whole is what parts of one kind are added up to, by cohort.
type whole struct{ kind, cohort string }

// Conflicts tells which claims of one phase can't hold together, whatever is observed: shares of more than 100
// % in all, two shares of one thing, answers from a version that is to be left alone, and errors that are
// claimed and ruled out.
func Conflicts(all []Expectation) error {
	var errs []error
	sums := map[whole]float64{}
	for i, e := range all {
		first := true
		for _, before := range all[:i] {
			if excludes(before, e) || excludes(e, before) {
				errs = append(errs, fmt.Errorf("%q and %q can't both hold", before, e))
				first = false
			}
			first = first && before != e
		}
		p, ok := e.(portion)
		if !ok || !first {
			continue
		}
		percent, of, ok := p.portion()
		if !ok {
			continue
		}
		sums[of] += percent
		if sum := sums[of]; sum > 100+rounding && sum-percent <= 100+rounding {
			errs = append(errs, fmt.Errorf("%q makes it %g %% of %s in all", e, sum, whose(of.cohort)))
		}
	}
	return errors.Join(errs...)
}

// rounding is by how much percentages that add up to 100 may miss it as floating point numbers.
const rounding = 1e-6

// excludes tells whether a rules b out.
func excludes(a, b Expectation) bool {
	e, ok := a.(excluder)
	return ok && e.excludes(b)
}

// requestOf returns the sort of request that there is if the claim holds.
func requestOf(e Expectation) (request, bool) {
	if p, ok := e.(presence); ok {
		return p.present()
	}
	return request{}, false
}

// least is how many requests of its sort there are at least if a claim holds that has requestOf.
func least(e Expectation) int {
	if p, ok := e.(proportion); ok {
		return p.least()
	}
	return 1
}

// overlap tells whether what holds for the requests of one cohort says something of the other: where it is the same, or
// where the first is all of them.
func overlap(of, cohort string) bool { return of == "" || of == cohort }
