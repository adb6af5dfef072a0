package manifest

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Names are the names that a scenario's manifests define, over all of its files. The scenario's phases can
// refer to them.
type Names struct {
	// Deployments are the names of the Deployments, and Services those of the Services.
	Deployments, Services []string
	// Versions are the versions that pods can answer as: the label version of pod templates, and the sample
	// app's flag --version.
	Versions []string
	// Defined has the subsets that DestinationRules define, Routed those to which VirtualServices send
	// requests, both by the first label of the host's name.
	Defined, Routed map[string][]string
}

// NamesIn collects the names in objects. All lists are sorted and have each name once.
func NamesIn(objects []*unstructured.Unstructured) Names {
	n := Names{Defined: map[string][]string{}, Routed: map[string][]string{}}
	for _, o := range objects {
		switch o.GetKind() {
		case "DestinationRule":
			host := firstLabel(text(o.Object, "spec", "host"))
			for _, subset := range list(o.Object, "spec", "subsets") {
				n.Defined[host] = append(n.Defined[host], text(subset, "name"))
			}
		case "VirtualService":
			for _, d := range destinations(o.Object["spec"]) {
				if subset := text(d, "subset"); subset != "" {
					host := firstLabel(text(d, "host"))
					n.Routed[host] = append(n.Routed[host], subset)
				}
			}
		case "Deployment":
			n.Deployments = append(n.Deployments, o.GetName())
		case "Service":
			n.Services = append(n.Services, o.GetName())
		}
		n.Versions = append(n.Versions, versions(o)...)
	}
	sortUnique(&n.Deployments)
	sortUnique(&n.Services)
	sortUnique(&n.Versions)
	for _, byHost := range []map[string][]string{n.Defined, n.Routed} {
		for host, names := range byHost {
			sortUnique(&names)
			byHost[host] = names
		}
	}
	return n
}

// Deployment returns an error if no file has a Deployment of that name.
func (n Names) Deployment(name string) error { return known("a deployment", name, n.Deployments) }

// Service returns an error if no file has a Service of that name.
func (n Names) Service(name string) error { return known("a Service", name, n.Services) }

// Version returns an error if no file has pods of that version, nor a subset of that name.
func (n Names) Version(name string) error {
	all := slices.Clone(n.Versions)
	for _, names := range n.Defined {
		all = append(all, names...)
	}
	sortUnique(&all)
	return known("a version", name, all)
}

// Subset returns an error if no file defines that subset of host, which is a name with or without its domain.
func (n Names) Subset(host, name string) error {
	return known("a subset of "+firstLabel(host), name, n.Defined[firstLabel(host)])
}

func known(what, name string, all []string) error {
	switch {
	case slices.Contains(all, name):
		return nil
	case len(all) == 0:
		return fmt.Errorf("no file has %s %q, nor any other", what, name)
	}
	return fmt.Errorf("no file has %s %q%s (there are: %s)", what, name, Hint(name, all), strings.Join(all, ", "))
}

// versions returns the versions of the pods that an object is or makes.
func versions(o *unstructured.Unstructured) []string {
	pod := o.Object
	if o.GetKind() != "Pod" {
		pod, _, _ = unstructured.NestedMap(o.Object, "spec", "template")
	}
	var all []string
	if label := text(pod, "metadata", "labels", "version"); label != "" {
		all = append(all, label)
	}
	for _, container := range list(pod, "spec", "containers") {
		args, _, _ := unstructured.NestedStringSlice(container, "args")
		for _, arg := range args {
			if version, ok := strings.CutPrefix(arg, "--version="); ok && version != "" {
				all = append(all, version)
			}
		}
	}
	return all
}

// destinations returns all destinations of a VirtualService, for every protocol, and those that requests are
// mirrored to.
func destinations(in any) []map[string]any {
	var all []map[string]any
	switch in := in.(type) {
	case []any:
		for _, v := range in {
			all = append(all, destinations(v)...)
		}
	case map[string]any:
		for name, v := range in {
			d, ok := v.(map[string]any)
			if ok && (name == "destination" || name == "mirror") {
				all = append(all, d)
				continue
			}
			all = append(all, destinations(v)...)
		}
	}
	return all
}

// firstLabel returns my-service for my-service.demo.svc.cluster.local.
func firstLabel(host string) string {
	first, _, _ := strings.Cut(host, ".")
	return first
}

func text(o map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(o, path...)
	return s
}

// list returns a list of objects. It leaves out what is not an object, because Check reports that.
func list(o map[string]any, path ...string) []map[string]any {
	var all []map[string]any
	items, _, _ := unstructured.NestedSlice(o, path...)
	for _, item := range items {
		if fields, ok := item.(map[string]any); ok {
			all = append(all, fields)
		}
	}
	return all
}

func sortUnique(names *[]string) {
	*names = slices.Compact(slices.Sorted(slices.Values(*names)))
}
