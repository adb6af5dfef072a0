package training

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing/fstest" // its MapFS is the standard library's file system in memory
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/reports/trace"
)

type object = environment.Object

// Namespace is where a mission is played that is played alone: its name tells nothing.
const Namespace = "shop"

// The names of a mission's phases and files tell nothing either.
const (
	twinPhase, learnerPhase = "before", "incident"
	twinFile, changeFile    = "1-before.yaml", "2-change.yaml"
)

// DefaultBound is how long a learner has.
const DefaultBound = 20 * time.Minute

// heldFor is how long a healthy twin may be held until all of a class are well.
const heldFor = 30 * time.Minute

// restartedAt is the moment of a restart where none is played.
var restartedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// A prepared mission is what is written to the cluster, with names that tell nothing.
type prepared struct {
	mission Mission
	goal    Goal
	// ns is the namespace that it is played in.
	ns string
	// task says what callers are to get.
	task string
	// lowest is the lowest rate that it may be played at, in requests a second. The claims of its phases would take a
	// lower one, at which the judge would never be sure.
	lowest int
	// twin is the healthy twin, broken what there is after the break, change what of it differs from the twin.
	twin, broken, change []object
	// lab are the objects that the engine adds.
	lab []object
	// files has twin and change as manifests, without comments: those would tell.
	files fs.FS
}

// prepare makes a mission ready to be played in a namespace. A deployment that the story restarts on the way to its
// break is restarted by the change, at a moment.
func prepare(m Mission, ns string, at time.Time) (*prepared, error) {
	p := &prepared{mission: m, ns: ns}
	var err error
	if p.goal, err = m.Goal(); err != nil {
		return nil, err
	}
	p.task = p.goal.Task()
	p.lowest = m.Story.LowestRate
	if !m.FixedRate() {
		if p.lowest, err = m.ClassRate(); err != nil {
			return nil, err
		}
	}
	if p.twin, err = m.objects(m.Well, ns); err != nil {
		return nil, err
	}
	if p.broken, err = m.objects(m.Broken, ns); err != nil {
		return nil, err
	}
	if err := m.restart(p.broken, at); err != nil {
		return nil, err
	}
	for _, o := range p.twin {
		if !slices.ContainsFunc(p.broken, func(b object) bool { return kube.Same(o, b) }) {
			return nil, fmt.Errorf("mission %s: the break takes %s %s away, and a change can't", m.Name(), o.GetKind(),
				o.GetName())
		}
	}
	for _, o := range p.broken {
		if !slices.ContainsFunc(p.twin, func(t object) bool { return reflect.DeepEqual(o.Object, t.Object) }) {
			p.change = append(p.change, o)
		}
	}
	added, err := addons.New(addons.In(ns), m.Story.Load, false)
	if err != nil {
		return nil, err
	}
	p.lab = slices.Concat(added.Recorder, added.Callers)
	files := fstest.MapFS{}
	for name, objects := range map[string][]object{twinFile: p.twin, changeFile: p.change} {
		b, err := kube.YAML(objects)
		if err != nil {
			return nil, fmt.Errorf("mission %s: %w", m.Name(), err)
		}
		files[path.Join(ns, name)] = &fstest.MapFile{Data: b, Mode: 0o644}
	}
	p.files = files
	return p, nil
}

// objects are those of the story after one of its phases, in a namespace.
func (m Mission) objects(phase, ns string) ([]object, error) {
	i, err := m.phase(phase)
	if err != nil {
		return nil, err
	}
	state, err := m.Story.Manifests(i)
	if err != nil {
		return nil, fmt.Errorf("mission %s: %w", m.Name(), err)
	}
	all := make([]object, len(state))
	for n, o := range state {
		all[n] = o.DeepCopy()
	}
	faults := map[string]harness.Inject{}
	for _, p := range m.Story.Phases[:i+1] {
		switch do := p.Do.(type) {
		case harness.ScaleTo:
			if err := set(all, do.Deployment, int64(do.Replicas), "spec", "replicas"); err != nil {
				return nil, fmt.Errorf("mission %s: %w", m.Name(), err)
			}
		case harness.Inject:
			faults[do.Version] = do
		}
	}
	for _, do := range faults {
		if err := misbehave(all, do); err != nil {
			return nil, fmt.Errorf("mission %s: %w", m.Name(), err)
		}
	}
	for _, o := range all {
		m.rename(o, ns)
	}
	return all, nil
}

// rename moves an object from the story's namespace to another.
func (m Mission) rename(o object, ns string) {
	if o.GetKind() == "Namespace" {
		o.SetName(ns)
	} else {
		o.SetNamespace(ns)
	}
	// Stories may write hosts in full.
	hosts := strings.NewReplacer("."+m.Name()+".svc", "."+ns+".svc")
	kube.MapStrings(o, hosts.Replace)
}

// restart marks the deployments that the story restarts before its break, as kubectl rollout restart does.
func (m Mission) restart(all []object, at time.Time) error {
	broken, err := m.phase(m.Broken)
	if err != nil {
		return err
	}
	for _, p := range m.Story.Phases[:broken+1] {
		if do, ok := p.Do.(harness.Restart); ok {
			const annotation = "kubectl.kubernetes.io/restartedAt"
			err := set(all, do.Deployment, at.UTC().Format(time.RFC3339), "spec", "template", "metadata", "annotations",
				annotation)
			if err != nil {
				return fmt.Errorf("mission %s: %w", m.Name(), err)
			}
		}
	}
	return nil
}

// set sets a field of a deployment.
func set(all []object, deployment string, value any, field ...string) error {
	for _, o := range all {
		if o.GetKind() == "Deployment" && o.GetName() == deployment {
			return unstructured.SetNestedField(o.Object, value, field...)
		}
	}
	return fmt.Errorf("no deployment %s", deployment)
}

// tellsNothing returns an error if what is written to the cluster has the mission's name in it.
func (p *prepared) tellsNothing() error {
	for _, file := range []string{twinFile, changeFile} {
		b, err := fs.ReadFile(p.files, path.Join(p.ns, file))
		if err != nil {
			return err
		}
		if strings.Contains(string(b), p.mission.Name()) {
			return fmt.Errorf("%s has the mission's name in it", file)
		}
	}
	return nil
}

// Referees end the phases of a mission.
type Referees struct {
	// Twin ends that of the healthy twin, Learner that of the learner.
	Twin, Learner harness.Referee
	// held is how long the twin is held at most, zero where nobody holds it.
	held time.Duration
}

// scenario is what the engine plays. bound is how long the learner has.
func (p *prepared) scenario(by Referees, bound time.Duration) harness.Scenario {
	claims := []expect.Expectation{expect.NoErrors()}
	for _, a := range p.goal.Asked {
		claims = append(claims, expect.Share(a.Version, a.Percent).Of(a.Cohort))
	}
	load := p.mission.Story.Load
	load.Cohorts = slices.Clone(load.Cohorts)
	return harness.Scenario{
		Name: p.ns, Title: "Something breaks, and somebody mends it", Files: p.files, Load: load,
		Canary: p.mission.Story.Canary, CanaryCohort: p.mission.Story.CanaryCohort,
		LowestRate: p.lowest,
		Phases: []harness.Phase{{
			Name: twinPhase, Do: harness.Apply(twinFile), Until: harness.Refereed{Referee: by.Twin}, Expect: claims,
			Deadline: by.held,
		}, {
			Name: learnerPhase, Do: harness.Apply(changeFile),
			Until:  harness.Refereed{Referee: by.Learner, OthersWrite: true},
			Expect: []expect.Expectation{expect.Promoted()}, Deadline: bound + time.Minute,
		}},
	}
}

// titled begins the title of a mission's report once the mission is over.
func titled(mission string) string { return "Mission " + mission + ": " }

// Told tells whether a report with that title is of a mission that came to its end. Its scenario has another name.
func Told(title, mission string) bool { return strings.HasPrefix(title, titled(mission)) }

// reveal gives a scenario the words of the story.
func (p *prepared) reveal(s *harness.Scenario) {
	story := p.mission.Story
	s.Title = titled(story.Name) + story.Title
	s.Story, s.Cause, s.Source, s.Fix, s.See, s.Back = story.Story, story.Cause, story.Source, story.Fix, story.See,
		story.Back
	s.Phases[1].Breaks = true
}

// nobody is a Referee that never decides.
type nobody struct{}

func (nobody) String() string { return "nobody" }

func (nobody) Decide(ctx context.Context, _ func(trace.Event)) (trace.Decision, error) {
	<-ctx.Done()
	return trace.Decision{}, context.Cause(ctx)
}
