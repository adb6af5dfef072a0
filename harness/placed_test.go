package harness_test

import (
	"bytes"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/scenarios"
)

// Each story of one namespace can be played in another one, its twin too, and then names its own nowhere.
func TestEachStoryCanBePlayedElsewhere(t *testing.T) {
	changes := 0
	for _, s := range scenarios.All() {
		if !s.Movable() {
			continue // it has several namespaces, which TestStoriesThatCantBePlayedElsewhere is about
		}
		const ns = "elsewhere"
		moved, err := s.In(ns)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := moved.Validate(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		if got := moved.Namespaces(); len(got) != 1 || got[0] != ns {
			t.Errorf("%s: got namespaces %q, want %s", s.Name, got, ns)
		}
		files, err := fs.Glob(moved.Files, path.Join(s.Name, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got %d files (%v)", s.Name, len(files), err)
		}
		twins, err := fs.Glob(moved.Files, path.Join(s.Name, harness.TwinFolder, "*.yaml"))
		if err != nil || (len(twins) > 0) != s.HasTwin() {
			t.Fatalf("%s: got %d files of its twin (%v)", s.Name, len(twins), err)
		}
		files = append(files, twins...)
		for _, file := range files {
			b, err := fs.ReadFile(moved.Files, file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(b, []byte("namespace: "+s.Name)) {
				t.Errorf("%s: got its own namespace in\n%s", file, b)
			}
		}
		if s.ChangesNamespace() {
			changes++
			if !strings.Contains(s.Name, "sidecar") {
				t.Errorf("got %s as a story that changes its namespace", s.Name)
			}
		}
		if same, err := s.In(s.Name); err != nil || len(same.Site.Namespaces) != 0 {
			t.Errorf("%s: got another story (%v) in its own namespace", s.Name, err)
		}
	}
	if changes == 0 {
		t.Error("got no story that changes its namespace, want canary-without-sidecar")
	}
}

// What names its namespace in another way is refused, and nothing else that has the same name is moved.
func TestStoriesThatCantBePlayedElsewhere(t *testing.T) {
	of := func(yaml string) harness.Scenario {
		return harness.Scenario{
			Name: "demo", Files: fstest.MapFS{"demo/1.yaml": {Data: []byte(yaml)}},
			Phases: []harness.Phase{{Name: "baseline", Do: harness.Apply("1.yaml")}},
		}
	}
	s := of(`{apiVersion: v1, kind: Namespace, metadata: {name: demo, labels: {name: demo}}}
---
{apiVersion: v1, kind: Service, metadata: {name: demo, namespace: "demo"}, spec: {externalName: demo.demo.svc}}
`)
	if _, err := s.In("other"); err == nil || !strings.Contains(err.Error(), "Namespace demo") {
		t.Errorf("got %v, want a label of the namespace's name not taken for the name", err)
	}
	s = of(`{apiVersion: v1, kind: Namespace, metadata: {name: demo}}
---
{apiVersion: v1, kind: Service, metadata: {name: demo, namespace: "demo"}, spec: {externalName: demo.demo.svc}}
`)
	moved, err := s.In("other")
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(moved.Files, "demo/1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{apiVersion: v1, kind: Namespace, metadata: {name: other}}
---
{apiVersion: v1, kind: Service, metadata: {name: demo, namespace: "other"}, spec: {externalName: demo.other.svc}}
`
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
	several := s
	several.Site.Namespaces = []string{"one", "two"}
	if _, err := several.In("other"); err == nil || !strings.Contains(err.Error(), "one, two") {
		t.Errorf("got %v, want several namespaces refused", err)
	}
}
