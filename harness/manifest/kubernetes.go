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
	"sync"

	yamlnode "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/apis/v1beta1"
)

// scheme returns Kubernetes' own kinds, and those of the Gateway API, whose Go types say what its definitions say but
// for rules about values: those are left to the API server.
var scheme = sync.OnceValue(func() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientscheme.AddToScheme, gatewayv1.Install, v1beta1.Install} {
		if err := add(s); err != nil {
			panic(err) // two kinds of one name: the modules do not go together
		}
	}
	return s
})

// unknownField finds the name in the strict converter's error.
var unknownField = regexp.MustCompile(`^unknown field "(.*)"$`)

// kubernetes checks an object of one of Kubernetes' own kinds, or of the Gateway API's.
func (c *checker) kubernetes(o object) {
	if !scheme().Recognizes(o.GroupVersionKind()) {
		var kinds []string
		for gvk := range scheme().AllKnownTypes() {
			if gvk.GroupVersion() == o.GroupVersionKind().GroupVersion() {
				kinds = append(kinds, gvk.Kind)
			}
		}
		slices.Sort(kinds)
		c.add(o.line("kind"), "Kubernetes has no kind %s in %s%s",
			o.GetKind(), o.GetAPIVersion(), Hint(o.GetKind(), kinds))
		return
	}
	typed, err := scheme().New(o.GroupVersionKind())
	if err != nil {
		c.add(o.line("kind"), "%s", err)
		return
	}
	before := len(c.problems)
	c.checkTypes(o.node, "", reflect.TypeOf(typed))
	if len(c.problems) > before {
		return // the converter stops at the first of them, and gives no line
	}
	err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, typed, true)
	for _, err := range flatten(err) {
		if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
			c.addUnknown(o, m[1], func(parent string) []string { return fieldsAt(reflect.TypeOf(typed), parent) })
		} else {
			c.add(o.line("kind"), "%s %s: %s", o.GetKind(), o.GetName(), err)
		}
	}
}

// checkTypes compares what a node is (a mapping, a list, a number) with what a Go type reads from JSON. It
// leaves fields that the type does not have to the converter.
func (c *checker) checkTypes(n *yamlnode.Node, path string, t reflect.Type) {
	n = resolve(n)
	t = pointedTo(t)
	if n.Tag == "!!null" {
		return
	}
	if unmarshalsItself(t) || t.Kind() == reflect.Interface {
		c.checkScalar(n, path, t)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		if n.Kind != yamlnode.MappingNode {
			c.add(n.Line, "%s: want fields, got %s", path, describe(n))
			return
		}
		known := fields(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			if f, ok := known[n.Content[i].Value]; ok {
				c.checkTypes(n.Content[i+1], strings.TrimPrefix(path+"."+n.Content[i].Value, "."), f)
			}
		}
	case reflect.Map:
		if n.Kind != yamlnode.MappingNode {
			c.add(n.Line, "%s: want a mapping, got %s", path, describe(n))
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			c.checkTypes(n.Content[i+1], path+"["+n.Content[i].Value+"]", t.Elem())
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			c.checkScalar(n, path, t)
			return
		}
		if n.Kind != yamlnode.SequenceNode {
			c.add(n.Line, "%s: want a list, got %s", path, describe(n))
			return
		}
		for i, element := range n.Content {
			c.checkTypes(element, path+"["+strconv.Itoa(i)+"]", t.Elem())
		}
	default:
		c.checkScalar(n, path, t)
	}
}

// checkScalar reads one value as Kubernetes does.
func (c *checker) checkScalar(n *yamlnode.Node, path string, t reflect.Type) {
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
		c.add(n.Line, "%s: want a string, got %s: put it in quotes", path, describe(n))
	case reflect.Bool:
		c.add(n.Line, "%s: want true or false, got %s", path, describe(n))
	case reflect.Int, reflect.Int32, reflect.Int64:
		c.add(n.Line, "%s: want a whole number, got %s", path, describe(n))
	default:
		c.add(n.Line, "%s: %s can't be read as %s", path, describe(n), strings.ToLower(t.Name()))
	}
}

// unmarshalsItself tells whether a type has its own way to read JSON, as quantities and times do.
func unmarshalsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) ||
		p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// fields returns the types of a struct's fields by their JSON names, those of inlined structs included.
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

// pointedTo returns the type that a pointer leads to.
func pointedTo(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// fieldsAt returns the names of the fields that a type has at a path.
func fieldsAt(t reflect.Type, path string) []string {
	for _, step := range steps.FindAllString(path, -1) {
		switch t = pointedTo(t); t.Kind() {
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
	if t = pointedTo(t); t.Kind() != reflect.Struct {
		return nil
	}
	return slices.Sorted(maps.Keys(fields(t)))
}
