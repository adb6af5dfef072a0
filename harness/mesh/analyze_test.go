package mesh

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	demoNamespace = `
apiVersion: v1
kind: Namespace
metadata: {name: demo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: my-service, namespace: demo}
spec: {selector: {app: my-service}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: my-service, namespace: demo}
spec: {host: my-service, subsets: [{name: v1, labels: {version: v1}}]}
`
	demoRoute = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: my-service, namespace: demo}
spec: {hosts: [my-service], http: [{route: [{destination: {host: my-service, subset: v1}}]}]}
`
)

func TestAnalyzeFiles(t *testing.T) {
	toV2 := strings.ReplaceAll(demoRoute, "subset: v1", "subset: v2")
	for _, c := range []struct {
		name  string
		files []string
		want  []string // the beginning of each message
	}{
		{name: "nothing"},
		{name: "clean", files: []string{demoNamespace, demoRoute}},
		{
			name: "a subset that no rule has", files: []string{demoNamespace, toV2},
			want: []string{"IST0101 Error VirtualService demo/my-service: Referenced host+subset in destinationrule " +
				"not found"},
		},
		{name: "the later file counts", files: []string{
			demoNamespace, toV2, strings.ReplaceAll(demoRoute, "io/v1", "io/v1beta1"),
		}},
		{
			name: "the later file counts, for worse", files: []string{demoNamespace, demoRoute, toV2},
			want: []string{"IST0101"},
		},
		{
			name: "weights of nothing",
			files: []string{demoNamespace, strings.ReplaceAll(
				demoRoute, "subset: v1}}", "subset: v1}, weight: 0}, {destination: {host: my-service}, weight: 0}",
			)},
			want: []string{"IST0106 Error VirtualService demo/my-service: Schema validation error: total " +
				"destination weight = 0"},
		},
		{
			name:  "no injection",
			files: []string{strings.ReplaceAll(demoNamespace, "istio-injection", "other"), demoRoute},
		},
		{
			name:  "the namespace is in no file",
			files: []string{demoNamespace[strings.Index(demoNamespace, "---"):], demoRoute},
		},
		{name: "of another namespace", files: []string{
			demoNamespace, strings.ReplaceAll(toV2, "namespace: demo", "namespace: other"),
		}},
		{
			name: "two owners of a host",
			files: []string{demoNamespace, demoRoute, strings.ReplaceAll(
				demoRoute, "{name: my-service", "{name: another",
			)},
			want: []string{"IST0109 Error VirtualService demo/another", "IST0109 Error VirtualService demo/my-service"},
		},
		{
			name:  "a gateway that is not there",
			files: []string{demoNamespace, strings.ReplaceAll(demoRoute, "hosts:", "gateways: [edge], hosts:")},
			want: []string{
				"IST0101 Error VirtualService demo/my-service: Referenced gateway not found", "IST0132 Warning",
			},
		},
		// Files alone do not show the rest, because Kubernetes' own kinds are not looked at.
		{name: "a host that no service has", files: []string{
			demoNamespace, strings.ReplaceAll(demoRoute, "host: my-service, subset: v1", "host: their-service"),
		}},
		{
			name: "labels that no pod has",
			files: []string{strings.ReplaceAll(demoNamespace, "version: v1", "version: v1.0"), demoRoute, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: my-service-v1, namespace: demo}
spec:
  selector: {matchLabels: {app: my-service}}
  template: {metadata: {labels: {app: my-service, version: v1}}, spec: {containers: [{name: app, image: app}]}}
`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := findings(t, c.files)
			ok := len(got) == len(c.want)
			for i := 0; ok && i < len(got); i++ {
				ok = strings.HasPrefix(got[i], c.want[i])
			}
			if !ok {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func findings(t *testing.T, files []string) []string {
	t.Helper()
	var yamls [][]byte
	for _, f := range files {
		yamls = append(yamls, []byte(f))
	}
	found, err := AnalyzeFiles(t.Context(), yamls, "demo")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, m := range found {
		all = append(all, fmt.Sprintf("%s %s %s: %s", m.Code, m.Level, m.Resource, m.Text))
	}
	return all
}

// The files of the first scenarios, label-mismatch among them, show nothing in files alone.
func TestAnalyzeFilesOfScenarios(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/*/1-*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d scenarios and error %v, want some", len(files), err)
	}
	for _, name := range []string{"weighted-rollout", "header-routing", "label-mismatch"} {
		files, err := filepath.Glob("../../scenarios/" + name + "/*.yaml")
		if err != nil || len(files) == 0 {
			t.Fatalf("got %d files and error %v, want some", len(files), err)
		}
		slices.Sort(files)
		var yamls [][]byte
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			yamls = append(yamls, b)
			if got, err := AnalyzeFiles(t.Context(), yamls, name); err != nil || len(got) > 0 {
				t.Errorf("up to %s: got %v and error %v, want nothing", f, got, err)
			}
		}
	}
}

func TestAnalyzeFilesThatAreNone(t *testing.T) {
	for file, want := range map[string]string{
		"kind: [":  "file 2: parse document 1",
		"foo: bar": "file 2: document 1 lacks apiVersion",
	} {
		if _, err := AnalyzeFiles(t.Context(), [][]byte{[]byte(demoNamespace), []byte(file)}, "demo"); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", file, err, want)
		}
	}
}
