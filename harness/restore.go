package harness

import (
	"cmp"
	"context"
	"slices"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/reports"
)

// A restore brings back what the steps of a scenario had left after one of its phases, from whatever is there. It takes
// no step twice: it writes the state that they had led to.
type restore struct {
	// name is the phase's.
	name string
	// from is what the run has left by now, to what is wanted.
	from, to *state
}

// String implements Step.
func (r restore) String() string { return "bring back what there was after " + r.name }

// Action implements Step.
func (r restore) Action() reports.Action {
	return reports.Action{Kind: "restore", Brief: "back to " + r.name}
}

func (restore) check(Scenario, map[string]bool) error { return nil }

func (r restore) effects(Scenario) effects {
	return effects{
		Workloads: true, Proxies: !r.to.stopped,
		StopsIstiod: r.to.stopped && !r.from.stopped, StartsIstiod: r.from.stopped && !r.to.stopped,
	}
}

// leave implements leaver.
func (r restore) leave(s *state) { *s = *r.to.clone() }

// do applies all objects, also those that are as they were: a person may have changed them by hand.
func (r restore) do(ctx context.Context, at moment) error {
	if r.from.stopped {
		// Without istiod the API server denies what Istio would have to look at.
		if err := at.env.Istiod.Start(ctx); err != nil {
			return err
		}
	}
	for _, part := range []func(context.Context, moment) error{
		r.pods, r.objects, r.replicas, r.faults, r.rate,
	} {
		if err := part(ctx, at); err != nil {
			return err
		}
	}
	if !r.to.stopped {
		return nil
	}
	// What proxies do not have by then they do not get.
	if err := at.env.Proxies.Await(ctx, at.scenario.home(), func(environment.Synced) {}); err != nil {
		return err
	}
	return at.env.Istiod.Stop(ctx)
}

// deployments returns the names of all Deployments that both states know, sorted.
func (r restore) deployments() (names []string) {
	for name := range r.to.deployments {
		if r.from.deployments[name] != nil && r.to.deployment(name) != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// pods makes pods anew that were made anew between the two states, under the objects of then.
func (r restore) pods(ctx context.Context, at moment) error {
	for _, name := range r.deployments() {
		to := r.to.deployments[name]
		if to.restarts == r.from.deployments[name].restarts {
			continue
		}
		if err := at.env.Objects.Apply(ctx, to.made); err != nil {
			return err
		}
		if err := at.env.Objects.Restart(ctx, at.scenario.home(), name); err != nil {
			return err
		}
		if err := at.env.Objects.Ready(ctx, at.scenario.home()); err != nil {
			return err
		}
	}
	return nil
}

// objects applies what there was, and deletes what there was not.
func (r restore) objects(ctx context.Context, at moment) error {
	if err := at.env.Objects.Apply(ctx, r.to.manifests()); err != nil {
		return err
	}
	gone := r.gone()
	if len(gone) == 0 {
		return nil
	}
	return at.env.Objects.Delete(ctx, gone)
}

// gone returns the objects that are to go.
func (r restore) gone() []object {
	return slices.DeleteFunc(slices.Clone(r.from.objects), func(o object) bool {
		return slices.ContainsFunc(r.to.objects, func(kept object) bool { return kube.Same(o, kept) })
	})
}

// scales are the numbers of pods to set. Those that only manifests say come with them.
func (r restore) scales() (all []ScaleTo) {
	for _, name := range r.deployments() {
		if r.from.deployments[name].replicas != nil || r.to.deployments[name].replicas != nil {
			all = append(all, ScaleTo{Deployment: name, Replicas: r.to.replicasOf(name)})
		}
	}
	return all
}

func (r restore) replicas(ctx context.Context, at moment) error {
	for _, scale := range r.scales() {
		if err := scale.do(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// faults heals the versions that have any, and injects those that there were.
func (r restore) faults(ctx context.Context, at moment) error {
	if len(r.from.faults)+len(r.to.faults) == 0 {
		return nil
	}
	if err := at.env.Objects.Ready(ctx, at.scenario.home()); err != nil {
		return err
	}
	healed := map[string]bool{}
	for _, i := range slices.Concat(r.from.faults, r.to.faults) {
		if healed[i.Version] {
			continue
		}
		healed[i.Version] = true
		pods, err := at.env.Apps.CountPods(ctx, at.scenario.home(), i.Version)
		if err != nil {
			return err
		}
		if pods.Ready == 0 {
			continue // a version that is scaled away has nobody to heal
		}
		if err := (Inject{Version: i.Version}).do(ctx, at); err != nil {
			return err
		}
	}
	for _, i := range r.to.faults {
		if err := i.do(ctx, at); err != nil {
			return err
		}
	}
	return nil
}

// rate brings back the rate of the load, if somebody had set another one.
func (r restore) rate(ctx context.Context, at moment) error {
	if r.from.rate == r.to.rate {
		return nil
	}
	return sendAt{cmp.Or(r.to.rate, at.scenario.Rate())}.do(ctx, at)
}

// restored returns a phase of the story as it is played by bringing its state back. What is claimed of the change
// itself is left out, as it is another one, and so is who decides about the canary.
func restored(p Phase, from, to *state) Phase {
	p.Do = restore{name: p.Name, from: from, to: to}
	p.Rollback, p.Cohort, p.Until = false, "", nil
	p.Breaks, p.Fixes, p.Point = false, false, false
	p.Expect = slices.DeleteFunc(slices.Clone(p.Expect), aboutChange)
	return p
}
