package harness

import (
	"reflect"
	"slices"

	"github.com/canarylab/canarylab/harness/kube"
)

// A state is what the steps of a scenario have left on the cluster. Pods, and all else that only a cluster knows, are
// not in it.
type state struct {
	// objects are those of all that was applied and not deleted again, each as it was applied last.
	objects []object
	// deployments has, by the names of Deployments, what no object says.
	deployments map[string]*deployed
	// faults are those in force, in the order in which they were injected.
	faults []Inject
	// stopped tells that there is no istiod.
	stopped bool
	// rate is that of the load where a step has set one, in requests a second; 0 is the one that it began with.
	rate int
}

// A deployed is what steps made of a Deployment beside its object.
type deployed struct {
	// before is the Deployment as it was before its pods' template changed last; undone tells that it was taken back to
	// that.
	before object
	undone bool
	// replicas is the number that a step set, nil where the object has the last word.
	replicas *int32
	// restarts is how often its pods were made anew without another template. made are all objects of the phase in
	// which they were made last: whether a pod has a sidecar was decided by those.
	restarts int
	made     []object
	fresh    bool
}

// clone returns a state that can be changed for itself.
func (st *state) clone() *state {
	c := *st
	c.objects, c.faults = slices.Clone(st.objects), slices.Clone(st.faults)
	c.deployments = map[string]*deployed{}
	for name, d := range st.deployments {
		copied := *d
		c.deployments[name] = &copied
	}
	return &c
}

// A leaver is a Step that leaves something that no file says.
type leaver interface {
	leave(s *state)
}

// state returns what the steps have left after a phase, counted from 0.
func (s Scenario) state(phase int) (*state, error) {
	st := &state{deployments: map[string]*deployed{}}
	for _, p := range s.Phases[:phase+1] {
		switch step := p.Do.(type) {
		case writer:
			applied, deleted, err := step.writes(s)
			if err != nil {
				return nil, err
			}
			for _, o := range applied {
				st.apply(o)
			}
			for _, o := range deleted {
				st.objects = slices.DeleteFunc(st.objects, func(have object) bool { return kube.Same(have, o) })
			}
		case leaver:
			step.leave(st)
		}
		for _, d := range st.deployments {
			if d.fresh {
				d.made, d.fresh = slices.Clone(st.objects), false
			}
		}
	}
	return st, nil
}

// apply takes an object that is applied.
func (st *state) apply(o object) {
	i := slices.IndexFunc(st.objects, func(have object) bool { return kube.Same(have, o) })
	if o.GetKind() == deploymentKind {
		d := st.deployed(o.GetName())
		if i < 0 || !reflect.DeepEqual(template(st.objects[i]), template(o)) {
			if i >= 0 {
				d.before = st.objects[i]
			}
			st.renew(o.GetName())
		}
		d.undone = false
		if replicas(o) != nil {
			d.replicas = nil
		}
	}
	if i >= 0 {
		st.objects[i] = o
	} else {
		st.objects = append(st.objects, o)
	}
}

// deployed returns what is known of a Deployment beside its object.
func (st *state) deployed(name string) *deployed {
	if st.deployments[name] == nil {
		st.deployments[name] = &deployed{}
	}
	return st.deployments[name]
}

// renew takes that a Deployment gets new pods, which have no faults.
func (st *state) renew(name string) {
	st.deployed(name).fresh = true
	if o := st.deployment(name); o != nil {
		st.faults = slices.DeleteFunc(st.faults, func(i Inject) bool { return i.Version == versionOf(o) })
	}
}

// deployment returns a Deployment, nil where there is none of that name.
func (st *state) deployment(name string) object {
	for _, o := range st.objects {
		if o.GetKind() == deploymentKind && o.GetName() == name {
			return o
		}
	}
	return nil
}

// replicasOf returns how many pods a Deployment is to have.
func (st *state) replicasOf(name string) int32 {
	if d := st.deployments[name]; d != nil && d.replicas != nil {
		return *d.replicas
	}
	if o := st.deployment(name); o != nil {
		if n := replicas(o); n != nil {
			return *n
		}
	}
	return 1 // Kubernetes' own default
}

// manifests returns what to apply for the state, also where a Deployment was taken back to what it was before.
func (st *state) manifests() []object {
	all := slices.Clone(st.objects)
	for i, o := range all {
		if d := st.deployments[o.GetName()]; d != nil && d.undone && o.GetKind() == deploymentKind {
			all[i] = d.before
		}
	}
	return all
}

const deploymentKind = "Deployment"

// template returns what a Deployment makes its pods from.
func template(deployment object) any { return dig(deployment.Object, "spec", "template") }

// versionOf returns the version that a Deployment's pods say they have, empty where they say none.
func versionOf(deployment object) string {
	version, _ := dig(template(deployment), "metadata", "labels", "version").(string)
	return version
}

// replicas returns how many pods a Deployment's object asks for, nil where it does not say.
func replicas(deployment object) *int32 {
	n, says := integer(dig(deployment.Object, "spec", "replicas"))
	if !says {
		return nil
	}
	asked := int32(n) // manifests are checked: Kubernetes takes no more
	return &asked
}

// integer returns a number of an object's content, which has another type in JSON than in Go.
func integer(in any) (n int64, ok bool) {
	switch n := in.(type) {
	case int64:
		return n, true
	case float64:
		return int64(n), true
	}
	return 0, false
}

// dig returns what is at a path in an object's content, nil for nothing.
func dig(in any, path ...string) any {
	for _, key := range path {
		fields, _ := in.(map[string]any)
		in = fields[key]
	}
	return in
}
