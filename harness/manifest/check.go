// Package manifest finds the mistakes in a scenario's YAML before a cluster does, each with its line. It judges
// by the code that an API server and Istio judge by: client-go's types, the CRDs' own schemas, and the
// validation of Istio's webhook. It is pure.
package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yamlnode "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Check returns everything that is wrong with a YAML stream of Kubernetes and Istio objects, in the order of
// its lines: wrong syntax, unknown fields, wrong types, what Istio's validation rejects or warns of, API
// versions that Istio no longer has, and objects that are in none of the namespaces. A Namespace must be one of those
// names. name is the name of the file in the problems.
func Check(name string, namespaces []string, stream []byte) []Problem {
	c := &checker{file: name, namespaces: namespaces}
	objects := 0
	for _, text := range documents(stream) {
		objects += c.document(text)
	}
	if objects == 0 && len(c.problems) == 0 {
		c.problems = append(c.problems, Problem{File: name, Text: "there is no object in it"})
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return a.Line - b.Line })
	return slices.Compact(c.problems)
}

type checker struct {
	file       string
	namespaces []string
	problems   []Problem
	// lenient leaves out what Istio only warns of.
	lenient bool
}

func (c *checker) add(line int, format string, args ...any) {
	c.problems = append(c.problems, Problem{File: c.file, Line: line, Text: fmt.Sprintf(format, args...)})
}

// documents splits a stream where a line begins with ---, as kubectl does. Each document begins with as many
// empty lines as the stream has before it, so that its parsers count the stream's lines.
func documents(stream []byte) []string {
	var all []string
	var doc strings.Builder
	n := 0
	for line := range strings.Lines(string(stream)) {
		if strings.HasPrefix(line, "---") {
			all = append(all, doc.String())
			doc.Reset()
			doc.WriteString(strings.Repeat("\n", n))
			line = "\n"
		}
		doc.WriteString(line)
		n++
	}
	return append(all, doc.String())
}

// document checks one document and returns how many objects it has.
func (c *checker) document(text string) int {
	objects, n := c.read(text)
	for _, o := range objects {
		c.object(o)
	}
	return n
}

// read returns the objects of one document, and how many there should be. It adds what is wrong with the syntax.
func (c *checker) read(text string) (objects []object, n int) {
	var root yamlnode.Node
	if err := yamlnode.Unmarshal([]byte(text), &root); err != nil {
		c.addSyntax(err)
		return nil, 0
	}
	if len(root.Content) == 0 {
		return nil, 0
	}
	// The parser with positions reads YAML 1.2. Kubernetes' parser reads 1.1, where yes is true, so the content
	// comes from that one.
	content := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &content); err != nil {
		c.addSyntax(err)
		return nil, 0
	}
	if len(content) == 0 {
		return nil, 0
	}
	top := &unstructured.Unstructured{Object: content}
	if !top.IsList() {
		return []object{{top, root.Content[0]}}, 1
	}
	items, _, _ := unstructured.NestedSlice(content, "items")
	for i, item := range items {
		fields, ok := item.(map[string]any)
		node := find(root.Content[0], fmt.Sprintf("items[%d]", i)).node
		if !ok {
			c.add(node.Line, "items[%d] is no object", i)
			continue
		}
		objects = append(objects, object{&unstructured.Unstructured{Object: fields}, node})
	}
	return objects, len(items)
}

// An object is an object of a document, with its positions.
type object struct {
	*unstructured.Unstructured
	node *yamlnode.Node
}

// line returns the line of a field's key. If the field is missing, it is the line of the nearest field above it.
func (o object) line(path string) int { return find(o.node, path).line }

// inGroup tells whether the kind belongs to an API group, or to one below it.
func (o object) inGroup(group string) bool {
	g := o.GroupVersionKind().Group
	return g == group || strings.HasSuffix(g, "."+group)
}

func (c *checker) object(o object) {
	if o.GetKind() == "" || o.GetAPIVersion() == "" || o.GetName() == "" {
		c.add(o.node.Line, "an object lacks apiVersion, kind or metadata.name: got %q, %q and %q",
			o.GetAPIVersion(), o.GetKind(), o.GetName())
		return
	}
	c.checkNamespace(o)
	if o.inGroup("istio.io") {
		c.istio(o)
	} else {
		c.kubernetes(o)
	}
}

// addUnknown adds an unknown field. Its hint comes from the names of the fields that the parent may have.
func (c *checker) addUnknown(o object, path string, namesAt func(parent string) []string) {
	parent, name := "", path
	if i := strings.LastIndex(path, "."); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	c.add(o.line(path), "unknown field %s%s", path, Hint(name, namesAt(parent)))
}

// checkNamespace checks that the object is in one of the namespaces. An object elsewhere would outlive a run.
func (c *checker) checkNamespace(o object) {
	ours := strings.Join(c.namespaces, " or ")
	switch got := o.GetNamespace(); {
	case o.GetKind() == "Namespace":
		if !slices.Contains(c.namespaces, o.GetName()) {
			c.add(o.line("metadata.name"), "namespace %s is not %s", o.GetName(), ours)
		}
	case got == "":
		c.add(o.line("metadata"), "%s %s has no namespace: write metadata.namespace: %s", o.GetKind(), o.GetName(),
			ours)
	case !slices.Contains(c.namespaces, got):
		c.add(o.line("metadata.namespace"), "%s %s is in namespace %s, not in %s", o.GetKind(), o.GetName(), got,
			ours)
	}
}

// lineIn finds the line in a parser's error: "yaml: line 3: did not find expected key".
var lineIn = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// Syntax returns what a YAML parser's error says, with the lines that it names.
func Syntax(file string, err error) []Problem {
	c := &checker{file: file}
	c.addSyntax(err)
	return c.problems
}

// addSyntax adds a parser's error, which may have several lines with one problem each.
func (c *checker) addSyntax(err error) {
	for line := range strings.Lines(err.Error()) {
		text := strings.TrimSpace(line)
		text = strings.TrimPrefix(text, "error converting YAML to JSON: ")
		text = strings.TrimPrefix(text, "error unmarshaling JSON: ")
		if text == "yaml: unmarshal errors:" {
			continue
		}
		n := 0
		if m := lineIn.FindStringSubmatch(text); m != nil {
			n, _ = strconv.Atoi(m[1])
			text = m[2]
		}
		c.add(n, "%s", text)
	}
}

// flatten returns the parts of joined and aggregated errors.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	var parts []error
	switch many := err.(type) { //nolint:errorlint // an error of several parts is looked at, not what it wraps
	case interface{ Unwrap() []error }:
		parts = many.Unwrap()
	case interface{ Errors() []error }:
		parts = many.Errors()
	case interface{ WrappedErrors() []error }:
		parts = many.WrappedErrors()
	default:
		if inner := errors.Unwrap(err); inner != nil && inner.Error() == err.Error() {
			return flatten(inner)
		}
		return []error{err}
	}
	var all []error
	for _, e := range parts {
		all = append(all, flatten(e)...)
	}
	return all
}
