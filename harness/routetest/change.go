package routetest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/reports"
)

// The phases of a change in a safe order.
const (
	PhaseHosts  = "safe order: hosts and subsets"
	PhaseRoutes = "safe order: routes"
	PhaseRest   = "safe order: the rest, and what is gone"
)

// An OrderStep is one of a safe order: what it writes, of which all proxies know before the next one begins.
type OrderStep struct {
	// Name is the phase's, and Does what it does in words.
	Name, Does string
	file       string
	objects    []*unstructured.Unstructured
}

// routeKinds are kinds of objects that send requests somewhere.
var routeKinds = []string{"VirtualService", "HTTPRoute", "GRPCRoute"}

// safeOrder is an order in which no route names what a proxy does not know yet, and nothing goes that a route still
// names: hosts, their pods and subsets first, those of before among them; then the routes; then the rest, and what is
// gone (istio.io/latest/docs/ops/best-practices/traffic-management, "Avoid 503 errors while reconfiguring service
// routes"). Policies and what else a proxy is told come with the rest: they are about requests that arrive.
func safeOrder(from, own *Side) []OrderStep {
	old := from.Plan.Objects()
	var hosts, routes, rest []*unstructured.Unstructured
	merged := map[*unstructured.Unstructured]bool{}
	for _, o := range own.Plan.Objects() {
		before := find(old, o)
		if o.GetKind() == namespaceKind || before != nil && (o.GetKind() == "Secret" ||
			reflect.DeepEqual(before.Object, o.Object)) {
			continue
		}
		switch {
		case slices.Contains(routeKinds, o.GetKind()):
			routes = append(routes, o)
		case o.GetKind() == "DestinationRule" && before != nil:
			both, more := withSubsets(o, before)
			hosts = append(hosts, both)
			if merged[both] = more; more {
				rest = append(rest, o)
			}
		case strings.HasPrefix(o.GetAPIVersion(), "security.istio.io/") || o.GetKind() == "Sidecar" ||
			o.GetKind() == "EnvoyFilter":
			rest = append(rest, o)
		default:
			hosts = append(hosts, o)
		}
	}
	var gone []*unstructured.Unstructured
	for _, o := range old {
		if o.GetKind() != namespaceKind && find(own.Plan.Objects(), o) == nil {
			gone = append(gone, o)
		}
	}
	var steps []OrderStep
	if len(hosts) > 0 {
		steps = append(steps, OrderStep{PhaseHosts, "apply " + named(hosts, merged), "safe-1-hosts.yaml", hosts})
	}
	if len(routes) > 0 {
		steps = append(steps, OrderStep{PhaseRoutes, "apply " + named(routes, nil), "safe-2-routes.yaml", routes})
	}
	if len(rest)+len(gone) > 0 || len(steps) == 0 {
		does := ""
		if len(rest) > 0 {
			does = "apply " + named(rest, nil) + " as it is written"
		}
		if len(gone) > 0 {
			if does != "" {
				does += ", and then "
			}
			does += "delete " + named(gone, nil)
		}
		if does == "" {
			does = "nothing is to be done: both are the same"
		}
		steps = append(steps, OrderStep{PhaseRest, does, "", nil})
	}
	return steps
}

func find(all []*unstructured.Unstructured, o *unstructured.Unstructured) *unstructured.Unstructured {
	i := slices.IndexFunc(all, func(k *unstructured.Unstructured) bool { return kube.Same(k, o) })
	if i < 0 {
		return nil
	}
	return all[i]
}

// withSubsets is a DestinationRule with the subsets, too, that it had before. more tells that it had others.
func withSubsets(o, before *unstructured.Unstructured) (both *unstructured.Unstructured, more bool) {
	both = o.DeepCopy()
	now, _, _ := unstructured.NestedSlice(both.Object, "spec", "subsets")
	old, _, _ := unstructured.NestedSlice(before.Object, "spec", "subsets")
	for _, s := range old {
		name := subsetName(s)
		if !slices.ContainsFunc(now, func(n any) bool { return subsetName(n) == name }) {
			now, more = append(now, s), true
		}
	}
	if more {
		_ = unstructured.SetNestedSlice(both.Object, now, "spec", "subsets") // spec is there: it was read from it
	}
	return both, more
}

func subsetName(s any) string {
	m, _ := s.(map[string]any)
	name, _ := m["name"].(string)
	return name
}

// named names objects in a few words. Those that are merged keep the subsets that they had.
func named(all []*unstructured.Unstructured, merged map[*unstructured.Unstructured]bool) string {
	const most = 8
	var names []string
	for _, o := range all {
		if o.GetKind() == "ServiceAccount" || o.GetKind() == "Secret" {
			continue // they are made for the stand-ins
		}
		text := fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
		if merged[o] {
			text += " with the subsets of both"
		}
		names = append(names, text)
	}
	if len(names) > most {
		names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(names, ", ")
}

// safely are the phases of the safe order. What ends neither where it did nor where it is to is lost.
func (t *Test) safely() []sided {
	var all []sided
	routes := slices.IndexFunc(t.Order, func(s OrderStep) bool { return s.Name == PhaseRoutes })
	for i, step := range t.Order {
		one := sided{side: t.Own, was: t.From, passing: true}
		if i < routes {
			one.side = t.From
		}
		one.Phase = harness.Phase{Name: step.Name, Do: harness.Apply(step.file)}
		if step.file == "" {
			one.Do = harness.Replace{Old: before, By: file}
		}
		all = append(all, one)
	}
	return all
}

// writtenOrder are a plan's objects in the order in which kubectl apply takes them: that of the files and documents.
// What was made without a place of its own comes first, as the namespaces do.
func writtenOrder(p *standin.Plan, set *standin.Set) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	told := map[*unstructured.Unstructured]bool{}
	for _, o := range set.Objects {
		for _, made := range p.At(o.Source) {
			if !told[made] {
				told[made] = true
				all = append(all, made)
			}
		}
	}
	var first []*unstructured.Unstructured
	for _, o := range p.Objects() {
		if !told[o] || o.GetKind() == namespaceKind {
			first = append(first, o)
		}
	}
	return append(first, slices.DeleteFunc(all, func(o *unstructured.Unstructured) bool {
		return o.GetKind() == namespaceKind
	})...)
}

// was says of each class where its requests went before a change.
func (s *sender) was(r *reports.Routing, before *Side) {
	for i, c := range s.sent {
		if c.unsent == "" {
			r.Classes[i].Was, _, _ = s.places(before, c)
		}
	}
}

// stay claims of each class that its requests end where they did or where they are to.
func (s *sender) stay(r *reports.Routing) []expect.Expectation {
	var all []expect.Expectation
	for _, c := range r.Classes {
		if c.Cohort != "" && len(c.Asked) > 0 && len(c.Was) > 0 {
			all = append(all, expect.Stays(c.Cohort, c.Either()...))
		}
	}
	return all
}

// orderInWords are the steps of the safe order.
func (t *Test) orderInWords() []string {
	var all []string
	for i, step := range t.Order {
		wait := ""
		if i < len(t.Order)-1 {
			wait = ", and wait until every proxy has it"
		}
		all = append(all, step.Does+wait)
	}
	return all
}
