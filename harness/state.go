package harness

import "slices"

// state returns what the scenario's files say after a phase, counted from 0: the objects of all that was
// applied until then and not deleted again, each as it was applied last. Pods, and all else that only a cluster
// knows, are not in it.
func (s Scenario) state(phase int) ([]object, error) {
	var all []object
	at := func(o object) int { return slices.IndexFunc(all, func(have object) bool { return same(have, o) }) }
	for _, p := range s.Phases[:phase+1] {
		step, ok := p.Do.(writer)
		if !ok {
			continue
		}
		applied, deleted, err := step.writes(s)
		if err != nil {
			return nil, err
		}
		for _, o := range applied {
			if i := at(o); i >= 0 {
				all[i] = o
			} else {
				all = append(all, o)
			}
		}
		for _, o := range deleted {
			if i := at(o); i >= 0 {
				all = slices.Delete(all, i, i+1)
			}
		}
	}
	return all, nil
}

// same tells whether two objects have one name in the Kubernetes API.
func same(a, b object) bool {
	return a.GroupVersionKind().GroupKind() == b.GroupVersionKind().GroupKind() &&
		a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
}
