package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
)

type object = environment.Object

// A Step is the one change that a phase makes. Its String is what a person would type. Each step has a file of its own,
// and nothing else lists the steps: that file and its test are all that a new one takes. A step that writes objects of
// the scenario's files is a writer too, and one that speaks of something by its name is a namer.
type Step interface {
	fmt.Stringer
	// Action returns the same change as data, for reports.
	Action() reports.Action
	// check finds what is wrong with the step without a cluster. applied has the files that earlier phases applied.
	check(s Scenario, applied map[string]bool) error
	// effects tells what the step concerns besides the objects that it writes.
	effects(s Scenario) effects
	// do makes the change. It returns when the last write was accepted.
	do(ctx context.Context, at moment) error
}

// A moment is when and where a Step acts or a Proof looks: in a phase of a scenario, counted from 0.
type moment struct {
	scenario Scenario
	phase    int
	env      environment.Environment
	// find takes what a Proof finds and the report has to have as it is.
	find func(text string)
	// sendAt has the load go on at another rate, nil where the run has no Pace.
	sendAt func(ctx context.Context, rate int) error
	// writing and written are when the phase's change began and was answered, zero where it made none.
	writing, written time.Time
}

// effects tell what a Step concerns besides the objects that it writes.
type effects struct {
	// Workloads tells that pods come or go.
	Workloads bool
	// Proxies tells that the change has to reach the proxies, of the callers and of the apps.
	Proxies bool
	// StopsIstiod begins an outage of istiod, and StartsIstiod ends it. Both are for an Istio of the lab's own only.
	StopsIstiod, StartsIstiod bool
}

// ownIstio tells whether the step may be made only where the Istio is the lab's own.
func (e effects) ownIstio() bool { return e.StopsIstiod || e.StartsIstiod }

// A writer is a Step that writes objects of the scenario's files.
type writer interface {
	// writes returns the objects that the step applies and the ones that it deletes.
	writes(s Scenario) (applied, deleted []object, err error)
}

// A namer is a Step or a Proof that speaks of something by a name, which one of the scenario's files has to have.
type namer interface {
	// known returns an error if no file has the name.
	known(names manifest.Names) error
}

// writing returns the effects of a writer. An error is for write to return.
func writing(s Scenario, w writer) effects {
	applied, deleted, _ := w.writes(s)
	deployment := func(o object) bool { return o.GetKind() == "Deployment" }
	return effects{Workloads: slices.ContainsFunc(append(applied, deleted...), deployment), Proxies: true}
}

// write makes the change of a writer.
func write(ctx context.Context, at moment, w writer) error {
	applied, deleted, err := w.writes(at.scenario)
	if err == nil && len(applied) > 0 {
		err = at.env.Objects.Apply(ctx, applied)
	}
	if err == nil && len(deleted) > 0 {
		err = at.env.Objects.Delete(ctx, deleted)
	}
	return err
}

// stem returns a file's name as it is in an Action's Brief.
func stem(file string) string { return strings.TrimSuffix(file, ".yaml") }
