package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/format"
)

// A PhaseError is what is wrong with one phase of a scenario.
type PhaseError struct {
	Scenario string
	// Number counts phases from 1. Name is the phase's.
	Number int
	Name   string
	Err    error
}

// Error is "scenario label-mismatch: phase 2 (canary at 10 %): ...".
func (e *PhaseError) Error() string { return fmt.Sprintf("scenario %s: %s", e.Scenario, e.Text()) }

// Text is the error without the scenario's name.
func (e *PhaseError) Text() string { return fmt.Sprintf("phase %d (%s): %s", e.Number, e.Name, e.Err) }

// Unwrap returns Err.
func (e *PhaseError) Unwrap() error { return e.Err }

// Check returns nil, or everything that can be known to be wrong with the scenario before there is a cluster. It goes
// further than Validate: Kubernetes and Istio have to take the manifests that steps apply; versions, subsets and
// deployments that phases speak of have to be in a file; a phase's claims have to go together, and its time has to last
// for the requests that they take. Among the joined errors are manifest.Problem and PhaseError.
func (s Scenario) Check() error {
	if s.Files == nil {
		return s.Validate()
	}
	names, bad, errs := s.read()
	for _, err := range flatten(s.Validate()) {
		// What can't be read is told already, with its line.
		told := func(file string) bool { return strings.Contains(err.Error(), file+":") }
		if !slices.ContainsFunc(bad, told) {
			errs = append(errs, err)
		}
	}
	if s.Canary != "" && names != nil {
		if err := names.Version(s.Canary); err != nil {
			errs = append(errs, fmt.Errorf("scenario %s: the canary: %w", s.Name, err))
		}
	}
	for i, p := range s.Phases {
		wrong := slices.Concat(p.unknown(names), flatten(expect.Validate(p.Expect)),
			flatten(expect.Conflicts(p.Expect)))
		for _, err := range append(wrong, s.tooShort(p)...) {
			errs = append(errs, &PhaseError{Scenario: s.Name, Number: i + 1, Name: p.Name, Err: err})
		}
	}
	return errors.Join(errs...)
}

// read checks the files that steps write to the cluster. It returns the names that are in any file, nil where
// one can't be parsed, and the files with mistakes.
func (s Scenario) read() (names *manifest.Names, bad []string, errs []error) {
	used := s.used()
	files, err := fs.Glob(s.Files, path.Join(s.Name, "*.yaml"))
	if err != nil {
		return nil, nil, []error{fmt.Errorf("scenario %s: %w", s.Name, err)}
	}
	var all []object
	whole := true
	for _, file := range files {
		b, err := fs.ReadFile(s.Files, file)
		if err != nil {
			return nil, bad, append(errs, fmt.Errorf("scenario %s: %w", s.Name, err))
		}
		if slices.Contains(used, path.Base(file)) {
			problems := manifest.Check(file, s.Namespaces(), b)
			for _, p := range problems {
				errs = append(errs, p)
			}
			if len(problems) > 0 {
				bad = append(bad, path.Base(file))
			}
		}
		objects, err := kube.Objects(b)
		whole = whole && err == nil
		all = append(all, objects...)
	}
	if whole {
		in := manifest.NamesIn(all)
		names = &in
	}
	return names, bad, errs
}

// unknown finds the names in a phase that no file has.
func (p Phase) unknown(names *manifest.Names) (errs []error) {
	if names == nil {
		return nil
	}
	add := func(what fmt.Stringer, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", what, err))
		}
	}
	if step, ok := p.Do.(namer); ok {
		add(p.Do, step.known(*names))
	}
	for _, fact := range slices.Concat(p.Await, p.Prove) {
		if proof, ok := fact.(namer); ok {
			add(fact, proof.known(*names))
		}
	}
	for _, e := range p.Expect {
		if version := expect.Version(e); version != "" {
			add(e, names.Version(version))
		}
	}
	return errs
}

// tooShort finds the claims of a phase that take more requests than are sent before its deadline, whenever it begins.
func (s Scenario) tooShort(p Phase) (errs []error) {
	plan := s.plan("check")
	if plan.Validate() != nil {
		return nil
	}
	told := map[string]bool{}
	for _, e := range p.Expect {
		most, need := most(plan, e.Cohort(), p.deadline()), e.Need()
		if float64(need) <= most || told[e.String()] {
			continue
		}
		told[e.String()] = true
		const want = "%q takes %s requests, and at most %s are sent in %s: raise the rate or the phase's Deadline"
		errs = append(errs, fmt.Errorf(want, e, format.Number(need), format.Number(int(most)), p.deadline()))
	}
	return errs
}

// most returns the highest number of requests of a cohort, "" for all, that are sent in any stretch of the load
// that lasts d.
func most(plan loadgen.Plan, cohort string, d time.Duration) float64 {
	stretch := func(from time.Duration) float64 {
		sum := 0.0
		for _, c := range plan.Cohorts {
			if cohort == "" || c.Name == cohort {
				sum += plan.Expected(c.Name, from, from+d)
			}
		}
		return sum
	}
	if plan.Shape == nil {
		return stretch(0)
	}
	highest := 0.0
	for from := time.Duration(0); from <= plan.Duration; from += time.Second {
		highest = max(highest, stretch(from))
	}
	return highest
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // the parts are wanted, not one that it wraps
	if !ok || errors.Join(many.Unwrap()...).Error() != err.Error() {
		return []error{err} // one, or one that wraps several in a sentence of its own
	}
	var all []error
	for _, e := range many.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}
