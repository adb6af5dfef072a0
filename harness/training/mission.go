// Package training makes missions of the stories of the catalogue: the lab plays the healthy twin under a load that
// never stops, breaks it at a moment of its own, and judges by the traffic what a learner makes of it.
//
// The files follow a mission: mission.go and prepared.go make it of a story, follower.go and window.go make answers of
// what a run records, judge.go says what they mean, session.go keeps one play of a mission, timeline.go and explain.go
// what the learner did meanwhile, standing.go how it stands, trainer.go plays until it is mended, protocol.go takes
// orders, and ended.go answers when all of that is over.
package training

import (
	"errors"
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
)

// A Mission is a story of the catalogue that somebody is to mend.
type Mission struct {
	// Story is what the mission is made of: its manifests, its load, its words. The mission has its name.
	Story harness.Scenario
	// Well and Broken name two of its phases. All that was applied by the one is the healthy twin, and what its claims
	// say of shares is what the versions are to have. All that was applied by the other is the break; its first claim
	// about a response flag says how that hurts, or, where it has none, its first claim of a share that contradicts
	// what all of a cohort are to get. Faults that the story injects become arguments of the pods.
	Well, Broken string
	// Hurts is a claim about a response flag that says how the break hurts, nil where the story has one.
	Hurts expect.Expectation
	// Diagnosis is right to say of it.
	Diagnosis Diagnosis
	// Hints are given one after the other.
	Hints Hints
	// Sees says who would have seen it, beside istioctl analyze: metrics, logs, what nobody watches.
	Sees []string
	// Wrong and Right are tries of a learner that a test makes: none of the ones passes for mended, each of the others
	// does.
	Wrong, Right []Try
}

// Name is the mission's.
func (m Mission) Name() string { return m.Story.Name }

// A Try is what a learner may do, all of it at once.
type Try struct {
	// Name says what it is, in a few words.
	Name string
	// Apply has manifests, without a namespace.
	Apply string
	// Delete names objects that Apply would make, as manifests too.
	Delete string
	// Scale sets replicas of deployments, Restart gives one new pods.
	Scale   map[string]int32
	Restart string
	// Want is the verdict that a wrong one comes to. Empty means any but Mended.
	Want Verdict
}

// Objects reads a try's manifests, for a namespace.
func (t Try) Objects(ns string) (applied, deleted []object, err error) {
	read := func(text string) ([]object, error) {
		all, err := kube.Objects([]byte(text))
		for _, o := range all {
			if o.GetKind() == "Namespace" {
				o.SetName(ns)
			} else {
				o.SetNamespace(ns)
			}
		}
		return all, err
	}
	if applied, err = read(t.Apply); err == nil {
		deleted, err = read(t.Delete)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", t.Name, err)
	}
	return applied, deleted, err
}

// phase finds a phase of the story, counted from 0.
func (m Mission) phase(name string) (int, error) {
	i := slices.IndexFunc(m.Story.Phases, func(p harness.Phase) bool { return p.Name == name })
	if i < 0 {
		return 0, fmt.Errorf("story %s has no phase %q", m.Name(), name)
	}
	return i, nil
}

// Goal is what the judge holds traffic against.
func (m Mission) Goal() (Goal, error) {
	well, err := m.phase(m.Well)
	if err != nil {
		return Goal{}, err
	}
	broken, err := m.phase(m.Broken)
	if err != nil {
		return Goal{}, err
	}
	hurts := m.Story.Phases[broken].Expect
	if m.Hurts != nil {
		hurts = []expect.Expectation{m.Hurts}
	}
	g, err := goal(m.Story, m.Story.Phases[well].Expect, hurts)
	if err != nil {
		err = fmt.Errorf("mission %s: %w", m.Name(), err)
	}
	return g, err
}

// Check returns nil, or what is wrong with the mission. It needs no cluster.
func (m Mission) Check() error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("mission %s: %w", m.Name(), err))
		}
	}
	_, err := m.Goal()
	add(err)
	p, err := prepare(m, Namespace, restartedAt)
	add(err)
	if err == nil {
		add(p.scenario(Referees{Twin: nobody{}, Learner: nobody{}}, DefaultBound).Validate())
		add(p.tellsNothing())
	}
	add(m.Hints.check())
	if len(m.Diagnosis.Hops) == 0 || len(m.Diagnosis.Causes) == 0 {
		add(errors.New("no diagnosis"))
	}
	for _, t := range slices.Concat(m.Wrong, m.Right) {
		_, _, err := t.Objects(Namespace)
		add(err)
	}
	return errors.Join(errs...)
}
