package routetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/harness/story"
)

// ErrExpectations is wrapped by each error about a file that says what is expected.
var ErrExpectations = errors.New("what is expected can't be played")

// Expectations are what a team expects of its manifests, beside what the YAML says.
type Expectations struct {
	// canary is nil where there is no canary.yaml, and sets are the manifests that its steps name, by file.
	canary *story.Canary
	sets   map[string]*standin.Set
	files  []string
	cases  []caseFile
}

// A caseFile has test cases of another tool.
type caseFile struct {
	name string
	text []byte
	// envoy tells that they are those of Envoy's router_check_tool.
	envoy bool
}

// ReadExpectations reads files of what is expected: a canary.yaml, and test cases of istio-config-validator or of
// Envoy's router_check_tool, which are told apart by what is in them. There may be one canary.yaml.
func ReadExpectations(ctx context.Context, files ...string) (*Expectations, error) {
	e := &Expectations{sets: map[string]*standin.Set{}}
	for _, file := range files {
		if err := e.read(ctx, file); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Files are those that were read. In a folder of manifests they are none.
func (e *Expectations) Files() []string {
	if e == nil {
		return nil
	}
	return e.files
}

func (e *Expectations) read(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: there is no file %s", ErrExpectations, file)
	}
	if err != nil {
		return fmt.Errorf("read what is expected: %w", err)
	}
	e.files = append(e.files, file)
	var keys map[string]any
	_ = yaml.Unmarshal(text, &keys) // what is no YAML is refused with its line below
	_, validator := keys["testCases"]
	_, envoy := keys["tests"]
	if validator || envoy {
		e.cases = append(e.cases, caseFile{file, text, envoy})
		return nil
	}
	if e.canary != nil {
		return fmt.Errorf("%w: there are two files like %s, %s and %s: name one", ErrExpectations, story.CanaryFile,
			e.files[0], file)
	}
	if e.canary, err = story.ReadCanary(file); err != nil {
		return fmt.Errorf("%w:\n%w", ErrExpectations, err)
	}
	manifests, cases := e.canary.Files()
	for _, path := range manifests {
		set, err := standin.Load(ctx, []string{path}, nil)
		if err != nil {
			return err
		}
		e.sets[filepath.Base(path)] = set
		e.files = append(e.files, path)
	}
	for _, path := range cases {
		before := len(e.cases)
		if err := e.read(ctx, path); err != nil {
			return err
		}
		if len(e.cases) == before {
			return fmt.Errorf("%w: %s has neither testCases nor tests", ErrExpectations, path)
		}
	}
	return nil
}

// A stage is what the manifests are at a phase of a canary.yaml.
type stage struct {
	phase story.CanaryPhase
	side  *Side
	// disturbed tells that the app or its pods are others than the manifests say, so that where requests end is no
	// longer what the rules say.
	disturbed bool
}

// stages plays the steps of a canary.yaml on the manifests. The files that its steps apply are added to all.
func (e *Expectations) stages(own *Side, base *standin.Set, name string, all files, o standin.Options) (
	[]stage, error,
) {
	if e == nil || e.canary == nil {
		return nil, nil
	}
	e.sets[story.Own] = base
	var out []stage
	now, set, disturbed := own, base, false
	for _, p := range e.canary.Phases {
		next := set
		switch step := p.Do.(type) {
		case nil, harness.Restart:
		case harness.Apply:
			next = set.Overlay(e.sets[string(step)])
		case harness.Revert:
			next = set.Overlay(e.sets[string(step)], "VirtualService")
		case harness.Delete:
			next = set.Without(e.sets[string(step)], nil)
		case harness.Replace:
			next = set.Without(e.sets[step.Old], e.sets[step.By]).Overlay(e.sets[step.By])
		default:
			disturbed = true
		}
		after := now
		if next != set {
			var err error
			if after, err = newSide(next, o); err != nil {
				return nil, fmt.Errorf("phase %s: %w", p.Name, err)
			}
		}
		if p.Do != nil {
			if err := e.write(p.Do, now, after, name, all); err != nil {
				return nil, err
			}
		}
		now, set = after, next
		out = append(out, stage{p, now, disturbed})
	}
	return out, nil
}

// write adds the files that a step names, as they are applied: with stand-ins, and with what the manifests take beside.
func (e *Expectations) write(step harness.Step, before, after *Side, name string, all files) error {
	var names []string
	if r, ok := step.(harness.Replace); ok {
		names = append(names, r.Old)
	}
	if file := step.Action().File; file != "" {
		names = append(names, file)
	}
	for _, file := range names {
		if _, there := all[name+"/"+file]; there || file == story.Own {
			continue
		}
		path := filepath.Join(e.canary.Dir(), file)
		objects := after.Plan.Of(path)
		if _, deletes := step.(harness.Delete); deletes {
			objects = before.Plan.Of(path)
		} else {
			objects = append(objects, changed(before, after, objects)...)
		}
		objects = slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool {
			return o.GetKind() == namespaceKind
		})
		b, err := kube.YAML(objects)
		if err != nil {
			return fmt.Errorf("write %s as it is applied: %w", file, err)
		}
		all[name+"/"+file] = b
	}
	return nil
}

// changed are the objects of a side that another one lacks or has otherwise, but for some. Secrets have keys that are
// made for each side: those that are there stay.
func changed(before, after *Side, but []*unstructured.Unstructured) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	old := before.Plan.Objects()
	for _, o := range after.Plan.Objects() {
		if find(but, o) != nil {
			continue
		}
		was := find(old, o)
		if was == nil || o.GetKind() != "Secret" && !reflect.DeepEqual(was.Object, o.Object) {
			all = append(all, o)
		}
	}
	return all
}

// claims are those of a phase, 0 for the manifests as they are written.
func (e *Expectations) claims(phase int) []expect.Expectation {
	switch {
	case e == nil || e.canary == nil:
		return nil
	case phase == 0:
		return e.canary.Expect
	}
	return e.canary.Phases[phase-1].Expect
}

// needs is how many requests of a cohort the claims of all phases take.
func (e *Expectations) needs(cohort string) int {
	n := 0
	for phase := range len(e.canary.Phases) + 1 {
		n = max(n, expect.Needs(e.claims(phase))[cohort])
	}
	return n
}

// check finds what is wrong with the names and claims of a canary.yaml, once the scenario is made.
func (e *Expectations) check(t *Test, stages []stage) error {
	if e == nil || e.canary == nil {
		return nil
	}
	var workloads []string
	for _, side := range append([]*Side{t.Own}, sidesOf(stages)...) {
		for _, w := range side.Plan.Workloads {
			if !slices.Contains(workloads, w.Version) {
				workloads = append(workloads, w.Version)
			}
		}
	}
	if err := e.canary.CheckVersions(workloads); err != nil {
		return fmt.Errorf("%w:\n%w", ErrExpectations, err)
	}
	var errs []error
	for i, p := range t.Scenario.Phases {
		claims := e.claims(i)
		if err := errors.Join(expect.Validate(claims), expect.Conflicts(claims)); err != nil {
			errs = append(errs, &harness.PhaseError{Scenario: t.Scenario.Name, Number: i + 1, Name: p.Name, Err: err})
		}
		if t.From != nil {
			break
		}
	}
	if err := errors.Join(append(errs, t.Scenario.Validate())...); err != nil {
		return fmt.Errorf("%w:\n%w", ErrExpectations, e.canary.Where(t.Scenario.Name, err))
	}
	return nil
}

func sidesOf(stages []stage) []*Side {
	var all []*Side
	for _, s := range stages {
		if !slices.Contains(all, s.side) {
			all = append(all, s.side)
		}
	}
	return all
}
