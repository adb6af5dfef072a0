package harness

import (
	"slices"
)

// state is what the scenario's files say after a phase, counted from 0: the objects of all that was applied until then and not deleted
// again, each as it was applied last. Pods, and what else only a cluster knows, are not in it.
func (s Scenario) state(phase int) ([]object, error) {
	var all []object
	same := func(a, b object) bool {
		return a.GroupVersionKind().GroupKind() == b.GroupVersionKind().GroupKind() && a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
	}
	for _, p := range s.Phases[:phase+1] {
		var err error
		var objects []object
		step, deleting := p.Do, false
		if r, ok := step.(Rollback); ok {
			step = r.By
		}
		switch step := step.(type) {
		case Apply:
			objects, err = s.objects(string(step))
		case Delete:
			objects, err = s.objects(string(step))
			deleting = true
		case Revert:
			objects, err = step.routes(s)
		}
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			i := slices.IndexFunc(all, func(have object) bool { return same(have, o) })
			switch {
			case deleting && i >= 0:
				all = slices.Delete(all, i, i+1)
			case deleting:
			case i >= 0:
				all[i] = o
			default:
				all = append(all, o)
			}
		}
	}
	return all, nil
}
