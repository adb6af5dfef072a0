package routes

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/loadgen"
)

// A mistake is what a folder of testdata/field says of itself; README.md there explains it.
type mistake struct {
	Surprise, Found string
	Findings        []struct {
		Kind FindingKind
		Line int
	}
	Request struct {
		Host, From, Path, Method, Gateway string
		Entry                             loadgen.Entry
		Port                              int
		Header, Labels                    map[string]string
	}
	Meant, Takes, Class, Traffic string
	// Command is a part of what canarylab test says of the traffic.
	Command string
	// Refused is what Istio's validation says, where the manifests are not taken at all.
	Refused string
	Status  int
	Service bool
}

func TestMistakesFromTheField(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("testdata", "field"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			stream := readFile(t, "testdata", "field", e.Name(), "routes.yaml")
			var m mistake
			if err := yaml.UnmarshalStrict([]byte(readFile(t, "testdata", "field", e.Name(), "expect.yaml")),
				&m); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(stream, "# Source: ") || m.Surprise == "" {
				t.Error("got no source or no surprise, want both")
			}
			m.check(t, read(t, "routes.yaml", stream))
			found[m.Found] = append(found[m.Found], e.Name())
		})
	}
	for _, by := range []string{"finding", "traffic"} {
		if len(found[by]) == 0 {
			t.Errorf("got nothing that is found by %s, want something", by)
		}
		t.Logf("found by %s: %s", by, strings.Join(found[by], ", "))
	}
}

func (m mistake) check(t *testing.T, table Table) {
	t.Helper()
	var want, got []string
	for _, f := range m.Findings {
		want = append(want, kinds([]Finding{{Kind: f.Kind, Source: Source{"routes.yaml", f.Line}}})...)
	}
	got = kinds(table.Findings)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got findings %v, want %v", got, want)
	}
	if (m.Found == "finding") != slices.ContainsFunc(table.Findings,
		func(f Finding) bool { return f.Kind != NotLookedAt }) {
		t.Errorf("got findings %v, want some exactly where it is found by them", got)
	}
	r := Request{
		Host: m.Request.Host, Port: m.Request.Port, Path: m.Request.Path, Method: m.Request.Method,
		Header: m.Request.Header,
		Entry:  m.Request.Entry, Gateway: m.Request.Gateway, SourceNamespace: m.Request.From,
		SourceLabels: m.Request.Labels,
	}
	taker := func(i int) string {
		if i < 0 {
			return "none"
		}
		return table.Rules[i].Path + " of " + table.Rules[i].Object
	}
	i, _ := table.Match(r)
	if taker(i) != m.Takes {
		t.Errorf("got %s, want %s to take the request", taker(i), m.Takes)
	}
	if w := table.Want(r); w.Status != m.Status || w.Service != m.Service {
		t.Errorf("got status %d, service %v, want %d and %v", w.Status, w.Service, m.Status, m.Service)
	}
	if m.Class != "" {
		c := named(t, table.Classes(), m.Class)
		if taker(c.Takes) != m.Takes || m.Takes == m.Meant {
			t.Errorf("got class %s to go to %s, want %s, which nobody meant", c.Name, taker(c.Takes), m.Takes)
		}
	}
	if m.Found == "traffic" && cmp.Or(m.Traffic, "") == "" {
		t.Error("got no word of what the traffic shows, want it")
	}
	checkClasses(t, table)
}
