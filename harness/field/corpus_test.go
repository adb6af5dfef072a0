package field

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/harness/routetest"
	"github.com/canarylab/canarylab/harness/standin"
)

var update = flag.Bool("update", false, "write the table of docs/field.md anew")

const (
	corpus = "../routes/testdata"
	page   = "../../docs/field.md"
	// wanted is how many of 30 mistakes are to be found.
	wanted = 27
)

// A mistake is a folder of testdata/field, as far as it matters here.
type mistake struct {
	name, source              string
	Surprise, Found           string
	Refused, Traffic, Command string
}

func mistakes(t *testing.T) []mistake {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus, "field", "*", "routes.yaml"))
	if err != nil || len(files) < 30 {
		t.Fatalf("got %d mistakes (%v), want 30 or more", len(files), err)
	}
	var all []mistake
	for _, file := range files {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(file), "expect.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		m := mistake{name: filepath.Base(filepath.Dir(file))}
		if err := yaml.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		m.source = regexp.MustCompile(`(?m)^# Source: (.*)\.$`).FindStringSubmatch(string(read(t, file)))[1]
		all = append(all, m)
	}
	return all
}

func (m mistake) file() string { return filepath.Join(corpus, "field", m.name, "routes.yaml") }

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A reading is what `canarylab test` says of a file before it sends anything.
type reading struct {
	// refused says why the manifests are not played at all.
	refused error
	// kinds are those of the remarks that look like a mistake.
	kinds []string
	test  *routetest.Test
}

// readingOf reads a file as the command does.
func readingOf(t *testing.T, file string) reading {
	t.Helper()
	set, err := standin.Load(t.Context(), []string{file}, nil)
	if err != nil {
		return reading{refused: err}
	}
	o := standin.Options{Image: "canarylab/sampleapp:dev"}
	test, err := routetest.New(routetest.Name(file), "A test.", set, nil, o, nil)
	if err != nil {
		return reading{refused: err}
	}
	r := reading{test: test}
	for _, phase := range test.Scenario.Phases {
		for _, remark := range phase.Routing.Remarks {
			if remark.Mistake && !slices.Contains(r.kinds, remark.Kind) {
				r.kinds = append(r.kinds, remark.Kind)
			}
		}
	}
	return r
}

// mute is what a set is refused for that has to do with no mistake in it: the lab does not play all kinds.
func (r reading) mute(m mistake) bool {
	return r.refused != nil && (m.Refused == "" || !strings.Contains(r.refused.Error(), m.Refused))
}

// findings are those of the objects as they are written, without stand-ins.
func findings(t *testing.T, file string) []string {
	t.Helper()
	found, problems := manifest.Objects(file, read(t, file))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var objects []routes.Object
	for _, o := range found {
		at := routes.Source{File: file}
		objects = append(objects, routes.Object{Unstructured: o.Unstructured, Source: at, Line: o.Line})
	}
	var kinds []string
	for _, f := range routes.Read(objects).Findings {
		if f.Kind != routes.NotLookedAt && !slices.Contains(kinds, string(f.Kind)) {
			kinds = append(kinds, string(f.Kind))
		}
	}
	return kinds
}

// Of the mistakes from the field nine in ten are found, and the page says by what, beside what istioctl analyze says.
func TestMistakesAreFound(t *testing.T) {
	all := mistakes(t)
	rows, missed, traffic, analyzed, applied := []string{}, []string{}, []string{}, 0, 0
	for _, m := range all {
		r := readingOf(t, m.file())
		kinds := r.kinds
		if r.mute(m) {
			kinds = findings(t, m.file())
		}
		what := strings.Join(kinds, ", ")
		switch {
		case m.Refused != "" && r.refused != nil && !r.mute(m):
			what = "refused: " + m.Refused
		case len(kinds) == 0 && m.Found == "traffic" && m.Command != "":
			what = "traffic: " + m.Command
			traffic = append(traffic, m.name)
		case len(kinds) == 0:
			what = "missed"
			missed = append(missed, m.name)
		}
		files, whole := analyze(t, m.file())
		if len(files) > 0 {
			analyzed++
		}
		if len(whole) > 0 {
			applied++
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s |", m.name, m.source, what, orNothing(files),
			orNothing(whole)))
		t.Logf("%-32s %-55s %-20s %s", m.name, what, orNothing(files), orNothing(whole))
	}
	found := len(all) - len(missed)
	t.Logf("canarylab test finds %d of %d, %d of them by traffic alone (%s); istioctl analyze finds %d in the files, "+
		"and %d once all is applied; missed: %s", found, len(all), len(traffic), strings.Join(traffic, ", "), analyzed,
		applied, strings.Join(missed, ", "))
	if found*30 < wanted*len(all) {
		t.Errorf("got %d of %d found, want %d of 30", found, len(all), wanted)
	}
	hold(t, "mistakes", rows, fmt.Sprintf("| %d | | %d | %d | %d |", len(all), found, analyzed, applied))
}

func orNothing(codes []string) string {
	if len(codes) == 0 {
		return "nothing"
	}
	return strings.Join(codes, ", ")
}

// The analysis of what is applied sees pods: without that the column would say nothing.
func TestAnalysisSeesPods(t *testing.T) {
	files, applied := analyze(t, "../../docs/your-canary/shop.yaml")
	if slices.Contains(files, "IST0173") || !slices.Contains(applied, "IST0173") {
		t.Errorf("got %q in the files and %q applied, want IST0173, a subset without pods, in the latter alone", files,
			applied)
	}
}

// Good configurations are taken, and nothing about them is said to look like a mistake.
func TestNoFalseAlarms(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus, "good", "*.yaml"))
	if err != nil || len(files) < 50 {
		t.Fatalf("got %d files (%v), want 50 or more", len(files), err)
	}
	alarms := map[string][]string{}
	for _, file := range files {
		r := readingOf(t, file)
		switch {
		case r.refused != nil && strings.Contains(r.refused.Error(), "Gateway API"):
			t.Logf("%s is not played: %v", filepath.Base(file), r.refused)
		case r.refused != nil:
			t.Errorf("%s: got %v, want it to be taken", file, r.refused)
		case len(r.kinds) > 0:
			t.Errorf("%s: got %q, want nothing", file, r.kinds)
		default:
			if err := r.test.Scenario.Validate(); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		in, whole := analyze(t, file)
		for _, code := range in {
			alarms["in the files "+code] = append(alarms["in the files "+code], filepath.Base(file))
		}
		for _, code := range whole {
			alarms["applied "+code] = append(alarms["applied "+code], filepath.Base(file))
		}
	}
	for code, names := range alarms {
		t.Logf("istioctl analyze, %s: %d (%s)", code, len(names), strings.Join(names, ", "))
	}
}

// hold compares the rows of a table of the page with what was found, or writes them.
func hold(t *testing.T, name string, rows []string, sum string) {
	t.Helper()
	begin, end := "<!-- field: "+name+" -->\n", "<!-- end -->"
	text := string(read(t, page))
	head, rest, ok := strings.Cut(text, begin)
	had, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table %s", page, name)
	}
	lines := strings.SplitAfter(had, "\n")
	want := strings.Join(lines[:2], "") + strings.Join(rows, "\n") + "\n" + sum + "\n"
	if had == want {
		return
	}
	if !*update {
		t.Errorf("the table %s of %s is not what is found: go test ./harness/field -update. Want:\n%s", name, page,
			want)
		return
	}
	if err := os.WriteFile(page, []byte(head+begin+want+end+tail), 0o600); err != nil {
		t.Fatal(err)
	}
}

// analyze returns the codes of istioctl analyze, without those that are for information: with --use-kube=false on the
// file, and on a cluster to which it and the stand-ins of its workloads are applied, with sidecars.
func analyze(t *testing.T, file string) (files, applied []string) {
	t.Helper()
	found, err := mesh.AnalyzeFiles(t.Context(), [][]byte{read(t, file)}, "")
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, m := range found {
		if m.Level != "Info" && !slices.Contains(files, m.Code) {
			files = append(files, m.Code)
		}
	}
	slices.Sort(files)
	if applied = analyzeApplied(t.Context(), t, file); applied == nil {
		applied = files // what the lab does not play, or what is refused, has no pods
	}
	return files, applied
}

// analyzeApplied returns nil where the lab plays nothing.
func analyzeApplied(ctx context.Context, t *testing.T, file string) (codes []string) {
	t.Helper()
	r := readingOf(t, file)
	if r.test == nil {
		return nil
	}
	stream, err := kube.YAML(withPods(r.test.Own.Plan.Objects()))
	if err != nil {
		t.Fatal(err)
	}
	a := local.NewIstiodAnalyzer(analyzers.AllCombined(), "", mesh.Namespace, nil)
	// In this order: the first source decides whether Kubernetes' own kinds are looked at. Default resources are the
	// ingress gateway.
	err = errors.Join(a.AddTestReaderKubeSource([]local.ReaderSource{{Name: file, Reader: bytes.NewReader(stream)}}),
		a.AddDefaultResources())
	if err != nil {
		t.Fatal(err)
	}
	result, err := a.Analyze(ctx.Done())
	if err != nil {
		t.Fatal(err)
	}
	codes = []string{}
	for _, m := range result.Messages {
		if m.Type.Level() != diag.Info && !slices.Contains(codes, m.Type.Code()) {
			codes = append(codes, m.Type.Code())
		}
	}
	slices.Sort(codes)
	return codes
}

// withPods adds a pod with a sidecar for each Deployment, and namespaces that ask for sidecars where there are none.
func withPods(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	all := slices.Clone(objects)
	namespaces := map[string]bool{}
	for _, o := range objects {
		if o.GetKind() == "Namespace" {
			namespaces[o.GetName()] = true
		}
	}
	add := func(apiVersion, kind, ns, name string, labels map[string]string, spec map[string]any) {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind}}
		u.SetNamespace(ns)
		u.SetName(name)
		u.SetLabels(labels)
		if spec != nil {
			u.Object["spec"] = spec
		}
		all = append(all, u)
	}
	for _, o := range objects {
		if ns := o.GetNamespace(); ns != "" && !namespaces[ns] {
			namespaces[ns] = true
			add("v1", "Namespace", "", ns, map[string]string{"istio-injection": "enabled"}, nil)
		}
		if o.GetKind() == "Deployment" {
			labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
			add("v1", "Pod", o.GetNamespace(), o.GetName()+"-1", labels, map[string]any{"containers": []any{
				map[string]any{"name": "app", "image": "app"},
				map[string]any{"name": "istio-proxy", "image": "proxy"},
			}})
		}
	}
	return all
}

// Istio's own samples are read as Istio's pages describe them: each request goes where they say, and nothing is called
// a mistake.
func TestSamples(t *testing.T) {
	for name, want := range map[string][]string{
		"bookinfo": {
			"GET canarylab.example:8080/productpage through the gateway -> 100 % productpage",
			"GET canarylab.example:8080/api/v1/products through the gateway -> 100 % productpage",
			"GET canarylab.example:8080/ through the gateway -> 100 % status 404",
			"GET details:9080/ -> 100 % details subset v1",
			"GET ratings:9080/ with end-user: jason -> 100 % status 500",
			"GET ratings:9080/ -> 100 % ratings subset v1",
			"GET reviews:9080/ with end-user: jason -> 100 % reviews subset v2",
			"GET reviews:9080/ -> 50 % reviews subset v1, 50 % reviews subset v3",
		},
		"helloworld": {
			"GET canarylab.example/hello through the gateway -> 100 % helloworld",
			"GET canarylab.example/ through the gateway -> 100 % status 404",
		},
		"httpbin": {"GET httpbin:8000/ -> 100 % httpbin subset v1, 100 % copies to httpbin subset v2"},
	} {
		r := readingOf(t, filepath.FromSlash("../../docs/your-canary/"+name+".yaml"))
		if r.refused != nil || len(r.kinds) > 0 {
			t.Errorf("%s: got %v and %q, want it to be taken, and nothing that looks like a mistake", name, r.refused,
				r.kinds)
			continue
		}
		var got []string
		short := strings.NewReplacer("."+standin.DefaultNamespace, "", ".svc.cluster.local", "")
		for _, c := range r.test.Scenario.Phases[0].Routing.Classes {
			var to []string
			for _, p := range c.Asked {
				to = append(to, p.Amount()+" % "+p.Name())
			}
			got = append(got, short.Replace(c.Request+" -> "+strings.Join(to, ", ")))
			if c.Unsent != "" {
				got[len(got)-1] += "unsent: " + c.Unsent
			}
		}
		t.Logf("%s:\n%s", name, strings.Join(got, "\n"))
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: got %q, want %q among them", name, got, w)
			}
		}
	}
}
