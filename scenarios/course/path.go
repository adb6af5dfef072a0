// Package course is a way through the catalogue: paths of stories to see and missions to mend, from the healthy
// canary to game day. It keeps what was done of them on this machine, and certifies a path by the runs that it was done
// in.
package course

import (
	"fmt"
	"slices"
	"strings"
)

// A Path is some stops in their order, each of which builds on those before it.
type Path struct {
	// Name is what the command line calls it.
	Name string
	// Title is a few words for lists, About a sentence.
	Title, About string
	Stops        []Stop
}

// All returns the paths, in the order in which they are best gone.
func All() []Path { return []Path{labels, routes, objects, sidecars, load, users, gameDay} }

// Names are the paths', in their order.
func Names() []string {
	var names []string
	for _, p := range All() {
		names = append(names, p.Name)
	}
	return names
}

// Find returns the path of that name. The error lists those that there are.
func Find(name string) (Path, error) {
	all := All()
	i := slices.IndexFunc(all, func(p Path) bool { return p.Name == name })
	if i < 0 {
		return Path{}, fmt.Errorf("no path %q (there are: %s)", name, strings.Join(Names(), ", "))
	}
	return all[i], nil
}

// Has tells whether a stop is of the course.
func Has(s Stop) bool {
	return slices.ContainsFunc(All(), func(p Path) bool {
		return slices.ContainsFunc(p.Stops, func(o Stop) bool { return o.id() == s.id() })
	})
}
