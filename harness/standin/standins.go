package standin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/manifest"
)

// A builder makes a Plan.
type builder struct {
	o    Options
	plan *Plan
	// objects are the set's, each with its namespace.
	objects  []Object
	problems []manifest.Problem
	// pods are the workloads that may become stand-ins, with those that were invented.
	pods []*pod
}

func (b *builder) add(p manifest.Problem) { b.problems = append(b.problems, p) }

func (b *builder) note(n Note) { b.plan.Notes = append(b.plan.Notes, n) }

// of returns the objects of a class, and of a kind if one is named.
func (b *builder) of(c class, kind string) []Object {
	var all []Object
	for _, o := range b.objects {
		if o.class() == c && (kind == "" || o.GetKind() == kind) {
			all = append(all, o)
		}
	}
	return all
}

// Standins makes the plan. The error has everything that is in the way, and wraps ErrInput.
func (s *Set) Standins(o Options) (*Plan, error) {
	b := &builder{o: o, plan: &Plan{Notes: slices.Clone(s.Notes)}}
	b.place(s.Objects)
	if len(b.problems) > 0 {
		return nil, joined(b.problems)
	}
	b.route()
	b.readPods()
	b.readServices()
	b.readEntries()
	b.inventPods()
	b.inventServices()
	b.readCallers()
	b.choosePods()
	b.refuseOurs()
	b.namePods()
	b.boundPods()
	b.gateways()
	b.makeNamespaces()
	b.makeAccounts()
	b.makeServices()
	b.makeDeployments()
	if len(b.plan.Workloads) == 0 && len(b.problems) == 0 {
		b.add(manifest.Problem{File: b.objects[0].Source.File, Text: "nobody would answer: no Service here selects " +
			"any pods, and no route names a host to make one for. Name the Services and Deployments of the service, " +
			"too"})
	}
	if len(b.problems) > 0 {
		return nil, joined(b.problems)
	}
	return b.plan, nil
}

// place gives each object its namespace, and refuses those that a lab has no room for.
func (b *builder) place(objects []Object) {
	target := cmp.Or(b.o.Namespace, DefaultNamespace)
	if why := refusedNamespace(target); why != "" {
		b.add(manifest.Problem{File: objects[0].Source.File, Text: why})
		return
	}
	seen := map[string]Source{}
	placed, moved := 0, false
	for _, o := range objects {
		o.Unstructured = o.DeepCopy()
		ns := o.GetNamespace()
		switch {
		case o.class() == namespace && o.GetName() == "default":
			o.SetName(target)
			moved = true
		case o.class() == namespace:
			ns = o.GetName()
		case ns == "" || ns == "default":
			o.SetNamespace(target)
			placed, moved = placed+1, moved || ns == "default"
		}
		if o.class() == routing {
			moved = fromDefault(o.Object, target) || moved
		}
		if why := refusedNamespace(ns); why != "" && ns != "default" {
			b.add(o.problem("metadata.namespace", "%s: %s", o.title(), why))
		}
		key := o.GroupVersionKind().GroupKind().String() + " " + o.title()
		if first, ok := seen[key]; ok {
			b.add(o.problem("", "%s is there twice, first in %s, because what names no namespace is in %s: keep one",
				o.title(), first, target))
		}
		seen[key] = o.Source
		b.objects = append(b.objects, o)
	}
	switch {
	case moved:
		b.note(Note{Kind: Changed, Text: fmt.Sprintf("What is in the namespace default, or names none, is put into "+
			"%s: nobody can make default anew for a run. Hosts such as reviews.default%s are written reviews.%s%s.",
			target, suffix, target, suffix)})
	case placed > 0 && b.o.Namespace == "":
		b.note(Note{Kind: Changed, Text: fmt.Sprintf("What names no namespace (%s) is put into %s.",
			plural(placed, "object"), target)})
	}
}

// refusedNamespace says why a namespace can't be used.
func refusedNamespace(ns string) string {
	switch {
	case ns == "default":
		return "nobody can make the namespace default anew for a run: name another one"
	case ns == "istio-system":
		return "istio-system is where the lab's own Istio is: put a Gateway or a policy into the namespace of the " +
			"service that it is for, and leave the rest out of what you name"
	case strings.HasPrefix(ns, "kube-"):
		return ns + " is the cluster's own: leave it out of what you name"
	case ns == "canarylab-system":
		return "canarylab-system is the lab's own: name another namespace"
	}
	return ""
}

// route takes over what Istio reads, as it is written.
func (b *builder) route() {
	for _, o := range b.of(routing, "") {
		b.dropRevision(o)
		b.plan.routing = append(b.plan.routing, o)
		switch o.GetKind() {
		case "DestinationRule":
			r := subsetRule{
				namespace: o.GetNamespace(), host: fullHost(text(o.Object, "spec", "host"), o.GetNamespace()),
				subsets: map[string]map[string]string{},
			}
			for _, s := range list(o.Object, "spec", "subsets") {
				r.subsets[text(s, "name")] = texts(s, "labels")
			}
			b.plan.subsets = append(b.plan.subsets, r)
		case "ServiceEntry":
			if len(texts(o.Object, "spec", "workloadSelector", "labels")) == 0 {
				b.note(o.note(Unshown, "Nothing outside of the lab is reached: requests to %s fail here.",
					strings.Join(listOfTexts(o.Object, "spec", "hosts"), ", ")))
			}
		case "WorkloadEntry":
			b.note(o.note(Unshown, "Nothing outside of the lab is reached, and that is where its address is."))
		case "EnvoyFilter":
			b.note(o.note(Unshown, "The lab's proxies are Envoy without Istio's own filters: what names one is "+
				"rejected."))
		case "RequestAuthentication":
			if slices.ContainsFunc(list(o.Object, "spec", "jwtRules"), func(r map[string]any) bool {
				return text(r, "jwksUri") != ""
			}) {
				b.note(o.note(Unshown, "Its jwksUri is outside of the lab and not reached, so that no token is valid "+
					"here."))
			}
		case "AuthorizationPolicy":
			if text(o.Object, "spec", "action") == "CUSTOM" {
				b.note(o.note(Unshown, "The lab's mesh has no provider %s: what it decides on is refused here.",
					text(o.Object, "spec", "provider", "name")))
			}
		}
	}
}

// ambient are the labels by which something takes part in ambient mode, or in a revision of Istio.
var ambient = []string{"istio.io/rev", "istio.io/dataplane-mode", "istio.io/use-waypoint",
	"istio.io/use-waypoint-namespace", "istio.io/ingress-use-waypoint"}

// dropRevision takes away the labels of an object that name a revision or ask for ambient mode, and says so.
func (b *builder) dropRevision(o Object) {
	labels := o.GetLabels()
	var had []string
	for _, name := range ambient {
		if v, ok := labels[name]; ok {
			had = append(had, name+": "+v)
			delete(labels, name)
		}
	}
	if len(had) > 0 {
		o.SetLabels(labels)
		b.note(o.note(Changed, "The label %s is taken away: the lab has one Istio, without revisions, and sidecars.",
			strings.Join(had, ", ")))
	}
}

// made is a new object with the lab's label.
func made(apiVersion, kind, ns, name string, s Source) Object {
	meta := map[string]any{"name": name}
	if ns != "" {
		meta["namespace"] = ns
	}
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": meta}}
	return Object{Unstructured: u, Source: s}
}
