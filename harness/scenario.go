package harness

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
)

// The names that every scenario's manifests share.
const (
	// Service is the host that callers ask for, and the value of the label app of its pods.
	Service = "my-service"
	// Port is the Service's port.
	Port = 80
	// ManagedBy and Manager are the label that marks what the lab made. It deletes no namespace without it.
	ManagedBy = mesh.ManagedBy
	Manager   = mesh.Manager
)

// DefaultDeadline is how long a phase watches at most, from the moment that its change has settled.
const DefaultDeadline = time.Minute

// A Scenario is one canary story as data: a load that never breaks off, and phases that each change one thing.
type Scenario struct {
	// Name is in kebab case: the scenario's folder, its namespace, what the command line calls it, and its test.
	Name string
	// Title is one sentence for lists, Story a few for readers.
	Title, Story string
	// Labels select scenarios: see Core and Slow.
	Labels []string
	// Cause says why it goes as it does, Source where that is decided in Istio or Envoy, Fix how to get out of it. A story with a
	// phase that Breaks has all three.
	Cause, Source, Fix string
	// See has everyday commands, each with what to look for, for somebody who meets this without the lab.
	See []string
	// Back says how a rollback behaves.
	Back string
	// Files holds the manifests, in a folder named Name.
	Files fs.FS
	// Load is what callers send: URL, Cohorts and Timeout. The engine sets Run and Duration.
	Load loadgen.Plan
	// Canary is the version that a rollback takes back, such as v2. CanaryCohort limits the rollback clock to the one
	// cohort that the canary was offered to; empty means all.
	Canary, CanaryCohort string
	// Phases are played in order. The first applies the manifests that all begins with: before the load.
	Phases []Phase
}

// The labels that scenarios have.
const (
	// Core marks those that every change is tested with.
	Core = "core"
	// Slow marks those that take more than a minute or two.
	Slow = "slow"
)

// A Phase makes one change, waits until every proxy holds it, and watches.
type Phase struct {
	// Name is unique in the scenario.
	Name string
	// Do is the change. Nil only watches.
	Do Step
	// Breaks marks the change that the story is about, Fixes the one that mends it. Without the one or the other the scenario must not
	// pass: a test plays it so.
	Breaks, Fixes bool
	// Point marks the phase whose first claim stands for the whole story in a table, where that is not the phase that Breaks.
	Point bool
	// Repeat marks a phase that does once more what another one did: a report for people shows it in full only if it does not pass.
	Repeat bool
	// Await are facts that come about by themselves after the change, such as an ejected host. The phase is settled once they hold.
	Await []Proof
	// Until ends the phase when it decides. The phase is then as long as that takes, and Expect is about the decision.
	Until Detector
	// Prove is looked at once the change has settled, while the load goes on.
	Prove []Proof
	// Expect is judged by what was sent while the phase was settled. The phase goes on until there are as many
	// requests as that takes, or until Deadline.
	Expect []expect.Expectation
	// Cohort is the one that the phase's rollback clock watches, in place of the scenario's CanaryCohort.
	Cohort string
	// Deadline bounds the watching. Zero means DefaultDeadline.
	Deadline time.Duration
}

// deadline is Deadline with its default.
func (p Phase) deadline() time.Duration { return cmp.Or(p.Deadline, DefaultDeadline) }

// did is what reports call the phase's change.
func (p Phase) did() string {
	if p.Do == nil {
		return ""
	}
	return p.Do.String()
}

// spec is what analysis.Analyze has to know of phase i.
func (s Scenario) spec(i int) analysis.PhaseSpec {
	p := s.Phases[i]
	_, back := p.Do.(Rollback)
	return analysis.PhaseSpec{Name: p.Name, Rollback: back, Method: p.did(), Canary: s.Canary, Cohort: cmp.Or(p.Cohort, s.CanaryCohort)}
}

func (s Scenario) specs() []analysis.PhaseSpec {
	all := make([]analysis.PhaseSpec, len(s.Phases))
	for i := range all {
		all[i] = s.spec(i)
	}
	return all
}

// manifest reads one of the scenario's files.
func (s Scenario) manifest(file string) ([]byte, error) {
	b, err := fs.ReadFile(s.Files, path.Join(s.Name, file))
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return b, nil
}

// namespace is the manifest of the scenario's namespace.
func (s Scenario) namespace() ([]byte, error) {
	all, err := s.objects(fileOf(s.Phases[0].Do))
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.GetKind() == "Namespace" {
			return yaml.Marshal(o.Object)
		}
	}
	return nil, errors.New("the first phase makes no namespace")
}

// duration bounds the load: all deadlines, with time for each change to arrive.
func (s Scenario) duration() time.Duration {
	d := loadMargin
	for _, p := range s.Phases {
		d += p.deadline() + stepWithin + settleWithin
	}
	return min(d, loadgen.MaxDuration)
}

// plan is the load of one run.
func (s Scenario) plan(run string) loadgen.Plan {
	p := s.Load
	p.Run, p.Duration = run, s.duration()
	return p
}

// kebab is also what Kubernetes takes as the name of a namespace.
var kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Validate returns nil, or all that is wrong with the scenario and its manifests. It needs no cluster.
func (s Scenario) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("scenario %s: "+format, append([]any{s.Name}, args...)...))
	}
	if !kebab.MatchString(s.Name) || len(s.Name) > 40 {
		wrong("%q is not a kebab-case name of up to 40 letters", s.Name)
	}
	if s.Title == "" {
		wrong("no title")
	}
	if (s.Cause == "") != (s.Fix == "") {
		wrong("a cause needs a fix, and a fix a cause")
	}
	if s.breaks() && (s.Cause == "" || s.Source == "" || len(s.See) == 0 || s.Back == "") {
		wrong("a story in which something breaks tells the cause, its source, how to see it, the fix, and how a rollback behaves")
	}
	for _, l := range s.Labels {
		if l != Core && l != Slow {
			wrong("the label %q is not %s or %s", l, Core, Slow)
		}
	}
	if s.Files == nil {
		wrong("no files")
		return errors.Join(errs...)
	}
	if s.Load.Run != "" || s.Load.Duration != 0 {
		wrong("the engine sets the load's run and duration")
	}
	plan := s.plan("validate")
	if err := plan.Validate(); err != nil {
		wrong("%w", err)
	} else {
		for _, e := range entries(plan) {
			if _, err := by(plan, e); err != nil {
				wrong("%w", err)
			}
		}
	}
	if s.CanaryCohort != "" && !s.hasCohort(s.CanaryCohort) {
		wrong("the canary's cohort %q is not in the load", s.CanaryCohort)
	}
	if len(s.Phases) == 0 {
		wrong("no phases")
		return errors.Join(errs...)
	}
	if err := s.checkBaseline(); err != nil {
		wrong("%w", err)
	}
	names := map[string]bool{}
	applied := map[string]bool{}
	for i, p := range s.Phases {
		at := func(format string, args ...any) {
			errs = append(errs, &PhaseError{Scenario: s.Name, Number: i + 1, Name: p.Name, Err: fmt.Errorf(format, args...)})
		}
		if p.Name == "" || names[p.Name] {
			at("its name is empty or used twice")
		}
		names[p.Name] = true
		if len(p.Expect)+len(p.Prove) == 0 {
			at("it claims nothing, so it can't fail")
		}
		if p.Deadline < 0 {
			at("its deadline is %s", p.Deadline)
		}
		if p.Do != nil {
			if err := p.Do.check(s, applied); err != nil {
				at("%s: %w", p.Do, err)
			}
		} else if p.Breaks || p.Fixes {
			at("it changes nothing, so it neither breaks nor fixes")
		}
		if file := fileOf(p.Do); file != "" {
			applied[file] = true
		}
		for _, e := range slices.Concat(p.Await, p.Prove) {
			if err := e.check(s, applied); err != nil {
				at("%q: %w", e, err)
			}
		}
		if p.Until != nil {
			if err := p.Until.check(s); err != nil {
				at("%q: %w", p.Until, err)
			}
		}
		if err := s.checkClaims(p); err != nil {
			at("%w", err)
		}
	}
	return errors.Join(errs...)
}

// checkClaims tells which of a phase's expectations have nothing to be judged by.
func (s Scenario) checkClaims(p Phase) error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	_, back := p.Do.(Rollback)
	if p.Cohort != "" && (!back || !s.hasCohort(p.Cohort)) {
		wrong("cohort %q: want one of the load's, for the clock of a rollback", p.Cohort)
	}
	for _, e := range p.Expect {
		if c := e.Cohort(); c != "" && !s.hasCohort(c) {
			wrong("%q is about cohort %q, which is not in the load", e, c)
		}
		switch e.(type) {
		case expect.Recovery, expect.Lingering:
			if !back {
				wrong("%q: it does not roll back", e)
			}
		case expect.Alarm:
			if p.Until == nil {
				wrong("%q: nothing decides, as there is no Until", e)
			}
		}
		if p.Until != nil && e.Need() > 0 {
			wrong("%q takes %d requests, and the phase ends when %s decides", e, e.Need(), p.Until)
		}
	}
	return errors.Join(errs...)
}

// breaks tells whether the story is about something that breaks.
func (s Scenario) breaks() bool {
	return slices.ContainsFunc(s.Phases, func(p Phase) bool { return p.Breaks })
}

// OwnIstioOnly tells whether the scenario is played only where the Istio is the lab's own, as it takes istiod away.
func (s Scenario) OwnIstioOnly() bool {
	return slices.ContainsFunc(s.Phases, func(p Phase) bool { _, ok := p.Do.(StopIstiod); return ok })
}

// Without is the scenario without the change of one phase, counted from 0. All that is claimed stays.
func (s Scenario) Without(phase int) Scenario {
	s.Phases = slices.Clone(s.Phases)
	p := &s.Phases[phase]
	if r, ok := p.Do.(Rollback); ok {
		p.Do = Rollback{By: skipped{r.By}}
	} else {
		p.Do = skipped{p.Do}
	}
	return s
}

func (s Scenario) hasCohort(name string) bool {
	return slices.ContainsFunc(s.Load.Cohorts, func(c loadgen.Cohort) bool { return c.Name == name })
}

// checkBaseline tells whether the first phase makes the scenario's own namespace, marked as the lab's and with injection.
func (s Scenario) checkBaseline() error {
	file, ok := s.Phases[0].Do.(Apply)
	if !ok {
		return errors.New("the first phase has to apply the manifests that all begins with")
	}
	b, err := s.manifest(string(file))
	if err != nil {
		return err
	}
	objects, err := kube.Objects(b)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, o := range objects {
		if o.GetKind() != "Namespace" {
			continue
		}
		labels := o.GetLabels()
		if labels[ManagedBy] != Manager || labels["istio-injection"] != "enabled" {
			return fmt.Errorf("%s: namespace %s needs the labels %s: %s and istio-injection: enabled", file, o.GetName(), ManagedBy, Manager)
		}
		return nil
	}
	return fmt.Errorf("%s makes no namespace", file)
}

// objects reads one of the scenario's files, and checks that it stays in the scenario's namespace.
func (s Scenario) objects(file string) ([]object, error) {
	b, err := s.manifest(file)
	if err != nil {
		return nil, err
	}
	all, err := kube.Objects(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s is empty", file)
	}
	for _, o := range all {
		inside := o.GetNamespace() == s.Name || o.GetKind() == "Namespace" && o.GetName() == s.Name
		if !inside {
			// What lies elsewhere would outlive the run.
			return nil, fmt.Errorf("%s: %s %s is not in namespace %s", file, o.GetKind(), o.GetName(), s.Name)
		}
	}
	return all, nil
}
