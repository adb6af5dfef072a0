package harness

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/fleet"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/loadgen"
)

// A Scenario is one canary story as data: a load that never breaks off, and phases that each change one thing. Package
// story writes and reads it as YAML: what is omitzero may be left out there, in steps, proofs and detectors too.
type Scenario struct {
	// Name is in kebab case: the scenario's folder, what the command line calls it, its test, and its namespace where
	// Site names none.
	Name string
	// Site has the namespaces that the scenario makes and its gateway, where they are others than usual.
	Site addons.Site `json:",omitzero"`
	// API is GatewayAPI where the routes are a twin's, empty where they are the scenario's own. OnlyIstio says why
	// there can't be a twin.
	API       string `json:"-"`
	OnlyIstio string `json:"-"`
	// Title is one sentence for lists.
	Title string
	// Story are a few sentences for readers.
	Story string `json:",omitzero"`
	// Labels select scenarios: see Core and Slow.
	Labels []string `json:",omitzero"`
	// Cause says why it goes as it does, Source where that is decided in Istio or Envoy, Fix how to get out of
	// it. A story with a phase that Breaks has all three.
	Cause, Source, Fix string `json:",omitzero"`
	// See has everyday commands, each with what to look for, for somebody who meets this without the lab.
	See []string `json:",omitzero"`
	// Back says how a rollback behaves.
	Back string `json:",omitzero"`
	// Files holds the manifests, in a folder named Name.
	Files fs.FS `json:"-"`
	// Folder is where a scenario without Go was read from (package story), as it was called. It is empty for one of
	// the catalogue.
	Folder string `json:"-"`
	// Load is what callers send: URL, Cohorts and Timeout. The engine sets Run and Duration.
	Load loadgen.Plan
	// LowestRate is the lowest rate that the story may be played at, in requests a second of all cohorts together,
	// where that does not follow from its claims. A story that is about its load has its own rate here: it is played
	// at that one alone. Zero leaves it to the claims (see Lowest).
	LowestRate int `json:",omitzero"`
	// Canary is the version that a rollback takes back, such as v2. CanaryCohort limits the rollback clock to the one
	// cohort that the canary was offered to; empty means all.
	Canary, CanaryCohort string `json:",omitzero"`
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

// manifest reads one of the scenario's files.
func (s Scenario) manifest(file string) ([]byte, error) {
	b, err := fs.ReadFile(s.Files, path.Join(s.Name, file))
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, err)
	}
	return b, nil
}

// parse reads the objects of one of the scenario's files.
func (s Scenario) parse(file string) ([]object, error) {
	b, err := s.manifest(file)
	if err != nil {
		return nil, err
	}
	all, err := kube.Objects(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// site is Site with its default.
func (s Scenario) site() addons.Site {
	if len(s.Site.Namespaces) == 0 {
		s.Site.Namespaces = []string{s.Name}
	}
	return s.Site
}

// Namespaces are those that the scenario makes. Its callers are in the first.
func (s Scenario) Namespaces() []string { return s.site().Namespaces }

// home is the namespace of the callers, by which the ports of an environment know the scenario.
func (s Scenario) home() string { return s.site().Home() }

// namespaces returns the objects of the scenario's namespaces, which the first phase makes.
func (s Scenario) namespaces() ([]object, error) {
	file := s.Phases[0].file()
	all, err := s.parse(file)
	if err != nil {
		return nil, err
	}
	var out []object
	for _, name := range s.Namespaces() {
		i := slices.IndexFunc(all, func(o object) bool { return o.GetKind() == "Namespace" && o.GetName() == name })
		if i < 0 {
			return nil, fmt.Errorf("%s makes no namespace %s", file, name)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// used returns the files that the phases write, each once.
func (s Scenario) used() []string {
	var all []string
	for _, p := range s.Phases {
		if file := p.file(); file != "" && !slices.Contains(all, file) {
			all = append(all, file)
		}
	}
	return all
}

// duration returns a bound of the load: all deadlines, with time for each change to arrive.
func (s Scenario) duration() time.Duration {
	d := loadMargin
	for _, p := range s.Phases {
		d += p.deadline() + stepWithin + settleWithin
	}
	return min(d, loadgen.MaxDuration)
}

// plan returns the load of one run.
func (s Scenario) plan(run string) loadgen.Plan {
	p := s.Load
	p.Run, p.Duration = run, s.duration()
	return p
}

// OwnIstioOnly tells whether the scenario is played only where the Istio is the lab's own, as it takes istiod away.
func (s Scenario) OwnIstioOnly() bool {
	return slices.ContainsFunc(s.Phases, func(p Phase) bool { return p.Do != nil && p.Do.effects(s).ownIstio() })
}

// asksMetrics tells whether the scenario asks a Prometheus.
func (s Scenario) asksMetrics() bool {
	return slices.ContainsFunc(s.Phases, func(p Phase) bool { return p.Until != nil && p.Until.asksMetrics() })
}

// asksFleet tells whether the scenario looks at simulated proxies.
func (s Scenario) asksFleet() bool {
	return slices.ContainsFunc(s.Phases, func(p Phase) bool {
		return slices.ContainsFunc(slices.Concat(p.Await, p.Prove), func(proof Proof) bool {
			_, asks := proof.(fleetAsker)
			return asks
		})
	})
}

// An image is one that not every cluster has, with what progress calls it.
type image struct{ ref, name string }

// images are those that the scenario needs beside those that every cluster has.
func (s Scenario) images() (all []image) {
	if s.asksMetrics() {
		all = append(all, image{addons.PrometheusImage, "Prometheus"})
	}
	if s.asksFleet() {
		all = append(all, image{fleet.Image, "the simulated proxies"})
	}
	return all
}

// Without returns the scenario without the change of one phase, counted from 0. All that is claimed stays. What the
// phase awaits of the change goes with it: it would never come, and claims are judged only once it has.
func (s Scenario) Without(phase int) Scenario {
	s.Phases = slices.Clone(s.Phases)
	s.Phases[phase].Do, s.Phases[phase].Await = skipped{s.Phases[phase].Do}, nil
	return s
}

// objects reads one of the scenario's files, and checks that it stays in the scenario's namespace.
func (s Scenario) objects(file string) ([]object, error) {
	all, err := s.parse(file)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s is empty", file)
	}
	for _, o := range all {
		ns := o.GetNamespace()
		if o.GetKind() == "Namespace" {
			ns = o.GetName()
		}
		if !slices.Contains(s.Namespaces(), ns) {
			// What lies elsewhere would outlive the run.
			return nil, fmt.Errorf("%s: %s %s is not in namespace %s", file, o.GetKind(), o.GetName(),
				strings.Join(s.Namespaces(), " or "))
		}
	}
	return all, nil
}
