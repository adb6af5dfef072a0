package routes

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/canarylab/canarylab/harness/manifest"
)

// read reads the objects of a YAML stream, as a user's files are read.
func read(t *testing.T, name, stream string) Table {
	t.Helper()
	return Read(objects(t, name, stream))
}

func objects(t *testing.T, name, stream string) []Object {
	t.Helper()
	found, problems := manifest.Objects(name, []byte(stream))
	if len(problems) > 0 {
		t.Fatalf("got problems %v, want none", problems)
	}
	var all []Object
	for _, o := range found {
		all = append(all, Object{o.Unstructured, Source{name, o.Line("")}, o.Line})
	}
	return all
}

func readFile(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// named returns the class of a name.
func named(t *testing.T, all []Class, name string) Class {
	t.Helper()
	var names []string
	for _, c := range all {
		if c.Name == name {
			return c
		}
		names = append(names, c.Name)
	}
	t.Fatalf("got classes %v, want %s among them", names, name)
	return Class{}
}

// kinds returns the findings' kinds and places.
func kinds(all []Finding) []string {
	var got []string
	for _, f := range all {
		got = append(got, string(f.Kind)+" "+f.Source.String())
	}
	return got
}

// shop is a Service with two versions in a namespace.
const shop = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}, {name: http-admin, port: 9081}, {name: tcp-dump, port: 9082}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: shop}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
`

// equal compares as reflect.DeepEqual does.
func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
