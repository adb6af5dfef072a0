package standin

import (
	"fmt"

	yamlnode "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/manifest"
)

// fields are where an object's fields are written.
type fields struct {
	node *yamlnode.Node
	// before is how many lines of the file come before the node's document.
	before int
}

// problem is one that an object has at a field, such as "spec.ports".
func (o Object) problem(field, format string, args ...any) manifest.Problem {
	p := manifest.Problem{File: o.Source.File, Line: o.Source.Line, Text: fmt.Sprintf(format, args...)}
	if o.fields != nil && field != "" {
		p.Line = o.fields.before + manifest.Line(o.fields.node, field)
	}
	return o.at(p)
}

// at has a problem name the document where nobody counts lines: in stdin, and in what kustomize has made.
func (o Object) at(p manifest.Problem) manifest.Problem {
	if o.Source.Line == 0 || o.Source.File == Stdin {
		p.File, p.Line = o.Source.String(), 0
	}
	return p
}

// Line returns the line of a field's key in the object's file, in a path of Kubernetes' notation such as
// spec.http[0].match[1]. It is the object's own where nobody knows the field's.
func (o Object) Line(path string) int {
	if o.Source.Line == 0 || o.fields == nil {
		return o.Source.Line
	}
	return o.fields.before + manifest.Line(o.fields.node, path)
}

// title is "Deployment shop/reviews-v2".
func (o Object) title() string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

// note is one about the object.
func (o Object) note(kind NoteKind, format string, args ...any) Note {
	return Note{Source: o.Source, Object: o.title(), Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// text, list and texts read what may be there. What is of another type is not there: Istio's webhook says so.
func text(o map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(o, path...)
	return s
}

func list(o map[string]any, path ...string) []map[string]any {
	v, _, _ := unstructured.NestedFieldNoCopy(o, path...)
	items, _ := v.([]any)
	var all []map[string]any
	for _, item := range items {
		if fields, ok := item.(map[string]any); ok {
			all = append(all, fields)
		}
	}
	return all
}

func listOfTexts(o map[string]any, path ...string) []string {
	v, _, _ := unstructured.NestedFieldNoCopy(o, path...)
	items, _ := v.([]any)
	var all []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

func texts(o map[string]any, path ...string) map[string]string {
	m, _, _ := unstructured.NestedStringMap(o, path...)
	return m
}

// number reads a whole number, 0 where there is none. YAML makes an int64 or a float64 of it.
func number(o map[string]any, path ...string) int {
	v, _, _ := unstructured.NestedFieldNoCopy(o, path...)
	switch v := v.(type) {
	case int64:
		return int(v)
	case float64:
		return int(v)
	}
	return 0
}
