package kube

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// A Ref names one object of a cluster.
type Ref struct {
	schema.GroupVersionKind
	Namespace, Name string
}

// String is for messages: "VirtualService demo/my-service", or "Namespace demo" for a kind without namespaces.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Same tells whether two objects have one name in the Kubernetes API, whatever their versions.
func Same(a, b *unstructured.Unstructured) bool {
	return a.GroupVersionKind().GroupKind() == b.GroupVersionKind().GroupKind() &&
		a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName()
}

// RefOf names an object.
func RefOf(o *unstructured.Unstructured) Ref {
	return Ref{GroupVersionKind: o.GroupVersionKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

// YAML prints objects as a stream of YAML documents, which Objects parses.
func YAML(objects []*unstructured.Unstructured) ([]byte, error) {
	docs := make([][]byte, len(objects))
	for i, o := range objects {
		b, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, fmt.Errorf("print %s: %w", RefOf(o), err)
		}
		docs[i] = b
	}
	return bytes.Join(docs, []byte("---\n")), nil
}

// Objects parses a stream of YAML documents. It skips documents without content and returns the items of lists.
// An error names the document by its position, from 1.
func Objects(stream []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	for n := 1; ; n++ {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read document %d: %w", n, err)
		}
		// The strict parser finds duplicate keys, of which the other one silently keeps one.
		content := map[string]any{}
		if err := yaml.UnmarshalStrict(doc, &content); err != nil {
			return nil, fmt.Errorf("parse document %d: %w", n, err)
		}
		if len(content) == 0 {
			continue
		}
		o := &unstructured.Unstructured{Object: content}
		if o.IsList() {
			err := o.EachListItem(func(item runtime.Object) error {
				objects = append(objects, item.(*unstructured.Unstructured))
				return nil
			})
			if err != nil {
				return nil, fmt.Errorf("take apart the list in document %d: %w", n, err)
			}
			continue
		}
		objects = append(objects, o)
		if o.GetKind() == "" || o.GetAPIVersion() == "" || o.GetName() == "" {
			return nil, fmt.Errorf("document %d lacks apiVersion, kind or metadata.name: got %q, %q and %q",
				n, o.GetAPIVersion(), o.GetKind(), o.GetName())
		}
	}
}
