package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/sampleapp"
)

type object = environment.Object

// A Step is the one change that a phase makes. Its String is what a person would type. The set is closed: Apply, Delete,
// Revert, ScaleTo, Undo, Restart and Inject, each of which may be a Rollback, and StopIstiod and StartIstiod.
type Step interface {
	fmt.Stringer
	// check finds what is wrong with the step without a cluster. applied has the files that earlier phases applied.
	check(s Scenario, applied map[string]bool) error
	// touches says what the step concerns besides the objects that it writes.
	touches(s Scenario) (touch, error)
	// do makes the change. It returns when the last write was accepted.
	do(ctx context.Context, s Scenario, env environment.Environment) error
}

// A touch is what a Step concerns.
type touch struct {
	// Workloads tells that pods come or go.
	Workloads bool
	// Proxies tells that the callers' proxies have to learn of it.
	Proxies bool
	// Istiod tells that istiod itself comes or goes.
	Istiod bool
}

// Apply applies one of the scenario's files, such as Apply("2-canary.yaml").
type Apply string

// String implements Step.
func (a Apply) String() string { return "kubectl apply -f " + string(a) }

func (a Apply) check(s Scenario, _ map[string]bool) error {
	_, err := s.objects(string(a))
	return err
}

func (a Apply) touches(s Scenario) (touch, error) {
	objects, err := s.objects(string(a))
	return touch{Workloads: slices.ContainsFunc(objects, isDeployment), Proxies: true}, err
}

func (a Apply) do(ctx context.Context, s Scenario, env environment.Environment) error {
	objects, err := s.objects(string(a))
	if err != nil {
		return err
	}
	return env.Objects.Apply(ctx, objects)
}

// Delete deletes what one of the scenario's files names.
type Delete string

// String implements Step.
func (d Delete) String() string { return "kubectl delete -f " + string(d) }

func (d Delete) check(s Scenario, _ map[string]bool) error {
	objects, err := s.objects(string(d))
	if err != nil {
		return err
	}
	for _, o := range objects {
		if o.GetKind() == "Namespace" {
			return errors.New("the namespace is the engine's to delete")
		}
	}
	return nil
}

func (d Delete) touches(s Scenario) (touch, error) {
	objects, err := s.objects(string(d))
	return touch{Workloads: slices.ContainsFunc(objects, isDeployment), Proxies: true}, err
}

func (d Delete) do(ctx context.Context, s Scenario, env environment.Environment) error {
	objects, err := s.objects(string(d))
	if err != nil {
		return err
	}
	return env.Objects.Delete(ctx, objects)
}

// Restart gives a deployment new pods, as they are made now: what is decided when a pod is made, such as whether it gets a
// sidecar, is decided anew.
type Restart struct{ Deployment string }

// String implements Step.
func (r Restart) String() string { return "kubectl rollout restart deployment " + r.Deployment }

func (r Restart) check(Scenario, map[string]bool) error {
	if r.Deployment == "" {
		return errors.New("no deployment")
	}
	return nil
}

func (r Restart) touches(Scenario) (touch, error) { return touch{Workloads: true, Proxies: true}, nil }

func (r Restart) do(ctx context.Context, s Scenario, env environment.Environment) error {
	return env.Objects.Restart(ctx, s.Name, r.Deployment)
}

// StopIstiod takes istiod away, as a bad upgrade or a full node does: proxies keep what they hold and learn of nothing new. It
// is played only where the Istio is the lab's own. The engine starts istiod again at the end of the run, whatever happens.
type StopIstiod struct{}

// String implements Step.
func (StopIstiod) String() string { return "kubectl scale deployment istiod --replicas=0" }

func (StopIstiod) check(Scenario, map[string]bool) error { return nil }

func (StopIstiod) touches(Scenario) (touch, error) { return touch{Istiod: true}, nil }

func (StopIstiod) do(ctx context.Context, _ Scenario, env environment.Environment) error {
	return env.Istiod.Stop(ctx)
}

// StartIstiod brings istiod back.
type StartIstiod struct{}

// String implements Step.
func (StartIstiod) String() string { return "kubectl scale deployment istiod to what it was" }

func (StartIstiod) check(Scenario, map[string]bool) error { return nil }

func (StartIstiod) touches(Scenario) (touch, error) { return touch{Istiod: true, Proxies: true}, nil }

func (StartIstiod) do(ctx context.Context, _ Scenario, env environment.Environment) error {
	return env.Istiod.Start(ctx)
}

// Revert applies the VirtualServices of a file that an earlier phase applied, and nothing else of it: the way back that takes
// one write.
type Revert string

// String implements Step.
func (r Revert) String() string { return "kubectl apply the VirtualService of " + string(r) }

func (r Revert) check(s Scenario, applied map[string]bool) error {
	if !applied[string(r)] {
		return errors.New("no earlier phase applied it")
	}
	_, err := r.routes(s)
	return err
}

func (r Revert) touches(Scenario) (touch, error) { return touch{Proxies: true}, nil }

func (r Revert) do(ctx context.Context, s Scenario, env environment.Environment) error {
	routes, err := r.routes(s)
	if err != nil {
		return err
	}
	return env.Objects.Apply(ctx, routes)
}

// routes are the file's VirtualServices.
func (r Revert) routes(s Scenario) ([]object, error) {
	objects, err := s.objects(string(r))
	if err != nil {
		return nil, err
	}
	objects = slices.DeleteFunc(objects, func(o object) bool { return o.GetKind() != "VirtualService" })
	if len(objects) == 0 {
		return nil, errors.New("it has no VirtualService")
	}
	return objects, nil
}

// Undo gives a deployment the pods that it had before its last change.
type Undo struct{ Deployment string }

// String implements Step.
func (u Undo) String() string { return "kubectl rollout undo deployment " + u.Deployment }

func (u Undo) check(Scenario, map[string]bool) error {
	if u.Deployment == "" {
		return errors.New("no deployment")
	}
	return nil
}

func (u Undo) touches(Scenario) (touch, error) { return touch{Workloads: true, Proxies: true}, nil }

func (u Undo) do(ctx context.Context, s Scenario, env environment.Environment) error {
	return env.Objects.Undo(ctx, s.Name, u.Deployment)
}

// Rollback marks the step that takes the canary back: its phase gets a rollback clock, and the report compares the rollbacks
// of a run by their steps. Revert, Delete, ScaleTo and Undo are ways back.
type Rollback struct{ By Step }

// String implements Step.
func (r Rollback) String() string {
	if r.By == nil {
		return "no rollback"
	}
	return r.By.String()
}

func (r Rollback) check(s Scenario, applied map[string]bool) error {
	switch r.By.(type) {
	case nil:
		return errors.New("it has no step")
	case Rollback:
		return errors.New("a rollback of a rollback")
	}
	return r.By.check(s, applied)
}

func (r Rollback) touches(s Scenario) (touch, error) { return r.By.touches(s) }

func (r Rollback) do(ctx context.Context, s Scenario, env environment.Environment) error {
	return r.By.do(ctx, s, env)
}

// Inject sets the faults of the pods of one version, through the sample app's admin port. The zero Faults heal it.
type Inject struct {
	Version string
	Faults  sampleapp.Faults
	// Pods is how many of them, the first by name. Zero means all.
	Pods int
}

// whom names the pods.
func (i Inject) whom() string {
	if i.Pods == 0 {
		return "every pod of " + i.Version
	}
	return count(i.Pods, "pod") + " of " + i.Version
}

// String implements Step.
func (i Inject) String() string {
	if i.Faults == (sampleapp.Faults{}) {
		return "heal " + i.whom()
	}
	b, err := i.Faults.MarshalJSON()
	if err != nil { // no fault has a form that JSON lacks; NaN does, and check refuses it
		return fmt.Sprintf("inject %+v into %s", i.Faults, i.whom())
	}
	return fmt.Sprintf("inject %s into %s", b, i.whom())
}

func (i Inject) check(Scenario, map[string]bool) error {
	switch {
	case i.Version == "":
		return errors.New("no version")
	case i.Pods < 0:
		return fmt.Errorf("%d pods", i.Pods)
	}
	return i.Faults.Validate()
}

func (i Inject) touches(Scenario) (touch, error) { return touch{}, nil }

func (i Inject) do(ctx context.Context, s Scenario, env environment.Environment) error {
	return env.Apps.Inject(ctx, s.Name, i.Version, i.Pods, i.Faults)
}

// ScaleTo sets a deployment's number of replicas.
type ScaleTo struct {
	Deployment string
	Replicas   int32
}

// String implements Step.
func (s ScaleTo) String() string {
	return fmt.Sprintf("kubectl scale deployment %s --replicas=%d", s.Deployment, s.Replicas)
}

func (s ScaleTo) check(Scenario, map[string]bool) error {
	if s.Deployment == "" || s.Replicas < 0 {
		return fmt.Errorf("deployment %q, %d replicas", s.Deployment, s.Replicas)
	}
	return nil
}

func (s ScaleTo) touches(Scenario) (touch, error) { return touch{Workloads: true, Proxies: true}, nil }

func (s ScaleTo) do(ctx context.Context, scenario Scenario, env environment.Environment) error {
	return env.Objects.Scale(ctx, scenario.Name, s.Deployment, s.Replicas)
}

func isDeployment(o object) bool { return o.GetKind() == "Deployment" }

// fileOf is the scenario's file that a step applies or deletes, empty where it does neither.
func fileOf(s Step) string {
	switch s := s.(type) {
	case Apply:
		return string(s)
	case Delete:
		return string(s)
	case Rollback:
		return fileOf(s.By)
	case skipped:
		return fileOf(s.Step)
	}
	return ""
}

// skipped is a step that is left out: see Scenario.Without.
type skipped struct{ Step }

// String implements Step.
func (s skipped) String() string { return "nothing, instead of: " + s.Step.String() }

func (s skipped) touches(Scenario) (touch, error) { return touch{}, nil }

func (s skipped) do(context.Context, Scenario, environment.Environment) error { return nil }
