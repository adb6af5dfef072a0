package routes

import (
	"maps"
	"slices"
)

// each visits the spec of every object of a kind, which is written with its group before a slash. What can't be read
// is left out: somebody else says so.
func each[T any](w *world, kind string, visit func(o Object, spec *T)) {
	for _, o := range w.objects {
		if gvk := o.GroupVersionKind(); gvk.Group+"/"+gvk.Kind != kind {
			continue
		}
		spec := new(T)
		if decode(o, spec) == nil {
			visit(o, spec)
		}
	}
}

// serviceNames returns the hosts of all Services and ServiceEntries, sorted.
func (w *world) serviceNames() []string { return slices.Sorted(maps.Keys(w.services)) }
