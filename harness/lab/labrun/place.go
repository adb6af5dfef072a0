package labrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/lab"
)

// longest is how long a namespace's name may be (RFC 1123).
const longest = 63

// A placer finds where a scenario can be played, and keeps others off there until release is called.
type placer func(ctx context.Context, l *lab.Lab, s harness.Scenario, run string) (place, error)

// A place is where a scenario is played.
type place struct {
	// scenario is as it is played there.
	scenario harness.Scenario
	// held ends if somebody else gets the place.
	held    context.Context
	release func()
	// about says why it is another than the scenario's own, empty where it is not.
	about string
}

// asItIs is the placer of a mission, whose learner has been told the namespace.
func asItIs(ctx context.Context, l *lab.Lab, s harness.Scenario, run string) (place, error) {
	if l.Namespaces() != nil {
		return place{}, fmt.Errorf("%w: missions are played in namespaces that they make themselves: it takes a user "+
			"who may, without --namespaces", cluster.ErrUsage)
	}
	return claim(ctx, l, s, run, "mission")
}

// claim has a scenario played where it says.
func claim(ctx context.Context, l *lab.Lab, s harness.Scenario, run, what string) (place, error) {
	held, release, err := l.Claim(ctx, s.Namespaces(), run, what)
	return place{scenario: s, held: held, release: release}, err
}

// anywhere finds where a scenario can be played on a cluster that others use too, and keeps them off there. Where its
// own namespace is taken, it is played beside that, in one that is named for who plays it. Where namespaces were made
// for scenarios, it is played in the first that is free. Somebody's own manifests are played in their own or not at
// all.
func anywhere(ctx context.Context, l *lab.Lab, s harness.Scenario, run string) (place, error) {
	if l.Namespaces() != nil {
		return amongMade(ctx, l, s, run)
	}
	p, err := claim(ctx, l, s, run, s.Name)
	if !errors.Is(err, cluster.ErrTaken) || !s.Movable() {
		return p, err
	}
	beside := s.Namespaces()[0] + "-" + l.Owner()
	moved, unmoved := s.In(strings.TrimRight(beside[:min(len(beside), longest)], "-"))
	if unmoved != nil {
		return p, errors.Join(err, unmoved)
	}
	p, failed := claim(ctx, l, moved, run, s.Name)
	p.about = fmt.Sprintf("It was played in namespace %s, as %v.", moved.Namespaces()[0], taken(err))
	return p, failed
}

// taken says whose what is taken is.
func taken(err error) string {
	var t *cluster.Taken
	if !errors.As(err, &t) {
		return err.Error()
	}
	if t.Plays {
		return fmt.Sprintf("somebody else played in %v at the same time, which can disturb what is measured", t.Tenant)
	}
	return fmt.Sprintf("somebody else has kept %v", t.Tenant)
}

// amongMade finds a place among the namespaces that were made for scenarios.
func amongMade(ctx context.Context, l *lab.Lab, s harness.Scenario, run string) (place, error) {
	made := l.Namespaces()
	if s.ChangesNamespace() {
		return place{}, fmt.Errorf("%w: scenario %s changes its namespace, and those of --namespaces are their "+
			"administrator's: it takes a user who may make namespaces", cluster.ErrUsage, s.Name)
	}
	if !s.Movable() {
		own := s.Namespaces()
		for _, ns := range own {
			if !slices.Contains(made, ns) {
				return place{}, fmt.Errorf("%w: %s is played in the namespaces %s, and %s is not among those of "+
					"--namespaces (%s): have it made too", cluster.ErrUsage, s.Name, strings.Join(own, ", "), ns,
					strings.Join(made, ", "))
			}
		}
		return claim(ctx, l, s, run, s.Name)
	}
	var all []error
	for _, ns := range made {
		moved, err := s.In(ns)
		if err != nil {
			return place{}, err
		}
		p, err := claim(ctx, l, moved, run, s.Name)
		if err == nil {
			if ns != s.Namespaces()[0] {
				p.about = fmt.Sprintf("It was played in namespace %s, which was made for that.", ns)
			}
			return p, nil
		}
		if !errors.Is(err, cluster.ErrTaken) {
			return place{}, err
		}
		all = append(all, err)
	}
	return place{}, errors.Join(all...)
}
