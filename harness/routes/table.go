// Package routes reads routing objects, those of Istio and those of the Gateway API, and derives what to send to
// see each of their rules at work: requests that meet a rule, requests that miss it by one condition, and where
// each of them should go by what the YAML says. It is pure: it knows no cluster and reads no files.
package routes

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A Source is a place in a file.
type Source struct {
	// File is the file's name as the user gave it, such as "shop/routes.yaml".
	File string
	// Line counts from 1. Zero means that only the file is known.
	Line int
}

// String is file:line, as editors and compilers write it.
func (s Source) String() string {
	if s.Line == 0 {
		return s.File
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

// An Object is an object of a user's manifests, of any kind. A namespaced object must have its namespace in it:
// who loads the manifests sets the default one.
type Object struct {
	*unstructured.Unstructured
	// Source is where the object begins.
	Source Source
	// Line returns the line of a field in Kubernetes' notation, such as spec.http[0].match[1], or that of the
	// nearest field above it which is there. manifest.Objects gives it. Where it is nil, everything in the object
	// has the object's line.
	Line func(path string) int
}

// at returns the place of a field.
func (o Object) at(path string) Source {
	if o.Line == nil {
		return o.Source
	}
	return Source{File: o.Source.File, Line: o.Line(path)}
}

// ref is the object's kind, namespace and name, as in "VirtualService shop/reviews".
func (o Object) ref() string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

// A Table is everything that the objects say about where requests go.
type Table struct {
	// Rules has a rule for each match of each http entry of each VirtualService, and for each match of each rule
	// of each HTTPRoute, in the order of the objects. An entry without a match is one rule. The rules of a
	// delegate stand where the root names it, merged with the root's match, as Istio merges them.
	Rules []Rule
	// Findings are what can be said without sending anything, in the order of the objects. They are warnings:
	// the traffic has the last word.
	Findings []Finding

	world *world
}

// Read reads the routing objects among objects, with what they refer to: Services, Gateways, DestinationRules and
// workloads. Objects of other kinds are ignored. An object that can't be read is a finding ("unreadable"), and
// the others are read all the same.
func Read(objects []Object) Table {
	t := &Table{world: newWorld()}
	var routes []Object
	virtual := map[string]*virtualService{}
	for _, o := range objects {
		if o.Unstructured == nil || o.Object == nil {
			continue
		}
		var err error
		t.world.order = append(t.world.order, o.ref())
		t.world.objects = append(t.world.objects, o)
		switch gvk := o.GroupVersionKind(); gvk.Group + "/" + gvk.Kind {
		case groupIstio + "/VirtualService":
			var vs *virtualService
			if vs, err = newVirtualService(o); err == nil {
				virtual[o.GetNamespace()+"/"+o.GetName()] = vs
				routes = append(routes, o)
			}
			t.world.namespaces[o.GetNamespace()] = true
		case groupGateway + "/HTTPRoute":
			routes = append(routes, o)
			t.world.namespaces[o.GetNamespace()] = true
		default:
			t.findOther(o)
			err = t.world.add(o)
		}
		if err != nil {
			t.unreadable(o, err)
		}
	}
	for _, o := range routes {
		if o.GetKind() == "HTTPRoute" {
			if err := t.addHTTPRoute(o); err != nil {
				t.unreadable(o, err)
			}
		} else if vs := virtual[o.GetNamespace()+"/"+o.GetName()]; len(vs.spec.Hosts) > 0 {
			t.addVirtualService(vs, virtual)
		}
	}
	t.shadow()
	t.reach()
	t.findAll(virtual)
	return *t
}
