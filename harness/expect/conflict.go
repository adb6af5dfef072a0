package expect

import (
	"errors"
	"fmt"
	"slices"
)

// Versions are the versions that claims are about, each once, in the order of the claims.
func Versions(all []Expectation) []string {
	var versions []string
	for _, e := range all {
		version := ""
		switch e := e.(type) {
		case Proportion:
			version = e.version
		case Silence:
			version = e.version
		case Throughput:
			version = e.version
		}
		if version != "" && !slices.Contains(versions, version) {
			versions = append(versions, version)
		}
	}
	return versions
}

// Conflicts tells which claims of one phase can't hold together, whatever is observed: shares of more than 100 % in all, two shares of
// one thing, answers from a version that is to be left alone, and errors that are claimed and ruled out.
func Conflicts(all []Expectation) error {
	var errs []error
	type whole struct {
		kind   kind
		cohort string
	}
	sums := map[whole]float64{}
	for i, e := range all {
		first := true
		for _, before := range all[:i] {
			if contradict(before, e) || contradict(e, before) {
				errs = append(errs, fmt.Errorf("%q and %q can't both hold", before, e))
				first = false
			}
			first = first && before != e
		}
		// Flags are not added up: a request may have several.
		if p, ok := e.(Proportion); ok && first && p.kind != byFlag && p.bound >= 0 && p.Validate() == nil {
			w := whole{p.kind, p.cohort}
			sums[w] += p.percent
			if sum := sums[w]; sum > 100+rounding && sum-p.percent <= 100+rounding {
				errs = append(errs, fmt.Errorf("%q makes it %g %% of %s in all", e, sum, whose(p.cohort)))
			}
		}
	}
	return errors.Join(errs...)
}

// rounding is by how much percentages that add up to 100 may miss it as floating point numbers.
const rounding = 1e-6

// contradict tells whether a rules b out. It looks one way only.
func contradict(a, b Expectation) bool {
	share, isShare := b.(Proportion)
	switch a := a.(type) {
	case Proportion:
		return isShare && a.kind == share.kind && a.cohort == share.cohort && a.subject() == share.subject() && apart(a, share)
	case Silence:
		return isShare && share.kind == byVersion && share.version == a.version && share.percent > 0
	case Errors:
		if !overlap(a.cohort, b.Cohort()) {
			return false
		}
		if other, ok := b.(Errors); ok {
			return other.flag != "" && other.code != a.code
		}
		isError := share.kind != byVersion && share.percent > 0 && (share.code == 0 || share.code >= 400)
		return isShare && isError && (a.flag == "" || share.code != a.code)
	}
	return false
}

// apart tells whether no share is both what a and what b claim.
func apart(a, b Proportion) bool {
	switch {
	case a.bound == 0 && b.bound == 0:
		return a.percent != b.percent
	case a.bound >= 0 && b.bound <= 0:
		return a.percent > b.percent
	}
	return false
}

// overlap tells whether what holds for the requests of one cohort says something of the other: where it is the same, or where the first
// is all of them.
func overlap(of, cohort string) bool { return of == "" || of == cohort }
