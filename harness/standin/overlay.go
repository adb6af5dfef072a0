package standin

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/kube"
)

// same tells whether two objects have one kind, namespace and name.
func (o Object) same(other Object) bool { return kube.Same(o.Unstructured, other.Unstructured) }

// Overlay returns the set with the objects of another one in the place of its own of the same names, and with those
// that it lacks. kinds limits it to objects of some kinds; none means all.
func (s *Set) Overlay(by *Set, kinds ...string) *Set {
	out := &Set{Objects: slices.Clone(s.Objects), Notes: slices.Clone(s.Notes)}
	for _, o := range by.Objects {
		if len(kinds) > 0 && !slices.Contains(kinds, o.GetKind()) {
			continue
		}
		if i := slices.IndexFunc(out.Objects, o.same); i >= 0 {
			out.Objects[i] = o
		} else {
			out.Objects = append(out.Objects, o)
		}
	}
	return out
}

// Without returns the set without the objects of the names that another one has, but for those that a third has. The
// third may be nil.
func (s *Set) Without(other, but *Set) *Set {
	out := &Set{Notes: slices.Clone(s.Notes)}
	for _, o := range s.Objects {
		gone := slices.ContainsFunc(other.Objects, o.same)
		if !gone || but != nil && slices.ContainsFunc(but.Objects, o.same) {
			out.Objects = append(out.Objects, o)
		}
	}
	return out
}

// Of returns the objects that were made of what is written in a file, in the order in which they can be applied.
func (p *Plan) Of(file string) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, o := range p.inOrder() {
		if o.Source.File == file {
			all = append(all, o.Unstructured)
		}
	}
	return all
}

// At returns the objects that were made of what is written at a place, in the order in which they can be applied.
func (p *Plan) At(s Source) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, o := range p.inOrder() {
		if o.Source == s {
			all = append(all, o.Unstructured)
		}
	}
	return all
}
