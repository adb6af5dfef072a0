package manifest

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// unknownField is how the strict converter names one.
var unknownField = regexp.MustCompile(`^unknown field "(.*)"$`)

// kubernetes checks an object of a kind that Kubernetes itself has.
func (c *checker) kubernetes(o object) {
	known := scheme.Scheme.Recognizes(o.GroupVersionKind())
	if !known {
		var kinds []string
		for gvk := range scheme.Scheme.AllKnownTypes() {
			if gvk.GroupVersion() == o.GroupVersionKind().GroupVersion() {
				kinds = append(kinds, gvk.Kind)
			}
		}
		slices.Sort(kinds)
		c.add(o.line("kind"), "Kubernetes has no kind %s in %s%s", o.GetKind(), o.GetAPIVersion(), Hint(o.GetKind(), kinds))
		return
	}
	typed, err := scheme.Scheme.New(o.GroupVersionKind())
	if err != nil {
		c.add(o.line("kind"), "%s", err)
		return
	}
	before := len(c.problems)
	c.types(o.node, "", reflect.TypeOf(typed))
	if len(c.problems) > before {
		return // the converter stops at the first of them, and says no line
	}
	for _, err := range flatten(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, typed, true)) {
		m := unknownField.FindStringSubmatch(err.Error())
		if m == nil {
			c.add(o.line("kind"), "%s %s: %s", o.GetKind(), o.GetName(), err)
			continue
		}
		parent, name := "", m[1]
		if i := strings.LastIndex(name, "."); i >= 0 {
			parent, name = name[:i], name[i+1:]
		}
		c.add(o.line(m[1]), "unknown field %s%s", m[1], Hint(name, fieldsAt(reflect.TypeOf(typed), parent)))
	}
}

// types holds what a node is (a mapping, a list, a number) against what a Go type reads from JSON. Fields that the type does not have
// are left to the converter.
func (c *checker) types(n *yamlnode.Node, path string, t reflect.Type) {
	n = resolve(n)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Tag == "!!null" {
		return
	}
	if reads(t) || t.Kind() == reflect.Interface {
		c.leaf(n, path, t)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		if n.Kind != yamlnode.MappingNode {
			c.add(n.Line, "%s: want fields, got %s", path, what(n))
			return
		}
		known := fields(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			if f, ok := known[n.Content[i].Value]; ok {
				c.types(n.Content[i+1], join(path, n.Content[i].Value), f)
			}
		}
	case reflect.Map:
		if n.Kind != yamlnode.MappingNode {
			c.add(n.Line, "%s: want a mapping, got %s", path, what(n))
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			c.types(n.Content[i+1], path+"["+n.Content[i].Value+"]", t.Elem())
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			c.leaf(n, path, t)
			return
		}
		if n.Kind != yamlnode.SequenceNode {
			c.add(n.Line, "%s: want a list, got %s", path, what(n))
			return
		}
		for i, element := range n.Content {
			c.types(element, path+"["+strconv.Itoa(i)+"]", t.Elem())
		}
	default:
		c.leaf(n, path, t)
	}
}

// leaf reads one value as Kubernetes would.
func (c *checker) leaf(n *yamlnode.Node, path string, t reflect.Type) {
	b, err := toJSON(n)
	if err != nil {
		c.add(n.Line, "%s: %s", path, err)
		return
	}
	if err := json.Unmarshal(b, reflect.New(t).Interface()); err == nil {
		return
	}
	switch t.Kind() {
	case reflect.String:
		c.add(n.Line, "%s: want a string, got %s: put it in quotes", path, what(n))
	case reflect.Bool:
		c.add(n.Line, "%s: want true or false, got %s", path, what(n))
	case reflect.Int, reflect.Int32, reflect.Int64:
		c.add(n.Line, "%s: want a whole number, got %s", path, what(n))
	default:
		c.add(n.Line, "%s: %s can't be read as %s", path, what(n), strings.ToLower(t.Name()))
	}
}

// reads tells whether a type reads JSON by itself, as quantities and times do.
func reads(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// fields are those of a struct by their JSON names, with those of inlined structs.
func fields(t reflect.Type) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case name == "" && (f.Anonymous || strings.Contains(options, "inline")) && f.Type.Kind() == reflect.Struct:
			maps.Copy(all, fields(f.Type))
		case name != "":
			all[name] = f.Type
		}
	}
	return all
}

// fieldsAt are the names of the fields that a type has at a path.
func fieldsAt(t reflect.Type, path string) []string {
	for _, step := range steps.FindAllString(path, -1) {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch t.Kind() {
		case reflect.Slice, reflect.Map:
			t = t.Elem()
		case reflect.Struct:
			next, ok := fields(t)[step]
			if !ok {
				return nil
			}
			t = next
		default:
			return nil
		}
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return slices.Sorted(maps.Keys(fields(t)))
}
