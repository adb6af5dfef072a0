package standin_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/standin"
)

// one is an object that is only named.
func one(apiVersion, kind, ns, name string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n  namespace: %s\n", apiVersion, kind, name, ns)
}

func TestBadInputIsRefused(t *testing.T) {
	app := service("a", "a") + "---\n" + deployment("a", "a") + "---\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		path  string
		want  []string
	}{
		{"no such file", nil, "gone.yaml", []string{"gone.yaml: there is no such file or folder"}},
		{"a folder without manifests", map[string]string{"values.yml": "a: 1\n", "README.md": "x"}, ".",
			[]string{"there is no manifest in it: 1 file of *.yaml, *.yml and *.json were read"}},
		{"no manifest", map[string]string{"a.yaml": "\nreplicas: 3\n"}, "a.yaml",
			[]string{"a.yaml:2: it lacks apiVersion and kind and metadata.name: a manifest has"}},
		{"half a manifest", map[string]string{"a.yaml": app + "apiVersion: v1\nkind: Service\n"}, ".",
			[]string{"a.yaml:16: it lacks metadata.name"}},
		{"a list at the top", map[string]string{"a.yaml": "- a\n- b\n"}, "a.yaml",
			[]string{"a.yaml:1: this is no object but a list"}},
		{"no text", map[string]string{"a.yaml": "\x7fELF\x00\x01"}, "a.yaml", []string{"a.yaml: it is no text"}},
		{"nothing", map[string]string{"a.yaml": "# later\n---\n"}, "a.yaml",
			[]string{"a.yaml: there is no object in it"}},
		{"no YAML", map[string]string{"a.yaml": app + "apiVersion: v1\n  kind: [\n"}, "a.yaml",
			[]string{"a.yaml:17: this is no YAML: mapping values are not allowed"}},
		{"a key twice", map[string]string{"a.yaml": "apiVersion: v1\nkind: Service\nkind: Pod\nmetadata: {name: a}\n"},
			"a.yaml", []string{"a.yaml:3: this is no YAML", `"kind" already`}},
		{"a template of Helm", map[string]string{"a.yaml": "apiVersion: v1\nkind: {{ .Values.kind }}\n"}, "a.yaml",
			[]string{"helm template NAME CHART | canarylab test -"}},
		{"a chart", map[string]string{"Chart.yaml": "name: a\n", "templates/a.yaml": "{{ a }}"}, ".",
			[]string{"this is a Helm chart: render it"}},
		{"twice", map[string]string{"a.yaml": service("a", "a"), "b.yaml": "\n" + service("a", "b")}, ".",
			[]string{"b.yaml:2: Service a is there twice, first in ", "a.yaml:1: keep one"}},
		{"twice by the default namespace", map[string]string{"a.yaml": app + service("b", "b") + "---\n" +
			strings.Replace(service("b", "b"), "name: b", "name: b, namespace: default", 1)}, ".",
			[]string{"a.yaml:23: Service canarylab-own/b is there twice, first in "}},
		{"no ports", map[string]string{"a.yaml": one("v1", "Service", "shop", "a") + "spec:\n  selector: {app: a}\n"},
			".",
			[]string{"a.yaml:6: Service shop/a has no ports", "write spec.ports"}},
		{"all that leaves the lab", map[string]string{"a.yaml": app +
			one("rbac.authorization.k8s.io/v1", "ClusterRole", "", "r") + "---\n" +
			one("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "c") + "---\n" +
			one("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "w") + "---\n" +
			one("v1", "PersistentVolume", "", "p")}, ".",
			[]string{"a.yaml:17: ClusterRole r: it is in no namespace", "a.yaml:23: CustomResourceDefinition c: it is",
				"a.yaml:29: ValidatingWebhookConfiguration w: it is", "a.yaml:35: PersistentVolume p: it is"}},
		{"a kind of nobody", map[string]string{"a.yaml": one("kafka.example.com/v1", "Topic", "shop", "a")}, ".",
			[]string{"a.yaml:2: Topic shop/a: the lab's cluster has no kind Topic", "VirtualService, DestinationRule"}},
		{"a kind misspelt", map[string]string{"a.yaml": one("v1", "Sevice", "shop", "a")}, ".",
			[]string{"Kubernetes has no kind Sevice in v1"}},
		{"a kind of the Gateway API", map[string]string{"a.yaml": one("gateway.networking.k8s.io/v1", "GRPCRoute",
			"shop", "a")}, ".", []string{"GRPCRoute shop/a: of the Gateway API the lab plays Gateway, HTTPRoute"}},
		{"a route of nobody", map[string]string{"a.yaml": one("gateway.networking.k8s.io/v1", "HTTPRoute",
			"shop", "a") + "spec: {rules: []}\n"}, ".", []string{"it has no parentRefs"}},
		{"a field of an HTTPRoute misspelt", map[string]string{"a.yaml": one("gateway.networking.k8s.io/v1",
			"HTTPRoute", "shop", "a") + "spec: {parentRefs: [{kind: Service, group: '', name: a}], ruls: []}\n"}, ".",
			[]string{`unknown field "ruls"`}},
		{"istio-system", map[string]string{"a.yaml": app + one("security.istio.io/v1", "PeerAuthentication",
			"istio-system", "a")}, ".",
			[]string{"a.yaml:20: PeerAuthentication istio-system/a: istio-system is where"}},
		{"kube-system", map[string]string{"a.yaml": app + strings.Replace(service("dns", "x"), "name: dns",
			"name: dns, namespace: kube-system", 1)}, ".", []string{"kube-system is the cluster's own"}},
		{"a field of a route misspelt", map[string]string{"a.yaml": app + one("networking.istio.io/v1",
			"VirtualService", "shop", "a") + "spec:\n  hosts: [a]\n  http:\n  - rout: []\n"}, ".",
			[]string{"a.yaml:24: unknown field spec.http[0].rout: did you mean route?"}},
		{"a route that Istio refuses", map[string]string{"a.yaml": app + one("networking.istio.io/v1beta1",
			"VirtualService", "shop", "a") + "spec:\n  hosts: [a]\n  http:\n  - route:\n    - {destination: {host: " +
			"a}, weight: -5}\n"}, ".", []string{"a.yaml:", "weight"}},
		{"a version that is gone", map[string]string{"a.yaml": one("networking.istio.io/v1alpha1", "VirtualService",
			"shop", "a")}, ".", []string{"the lab's Istio has it as v1, ", "write apiVersion: networking.istio.io/v1"}},
		{"nobody answers", map[string]string{"a.yaml": one("networking.istio.io/v1", "Sidecar", "shop", "a") +
			"spec: {egress: [{hosts: [\"./*\"]}]}\n"}, ".", []string{"nobody would answer"}},
		{"the lab's own names", map[string]string{"a.yaml": service("ingress", "a") + "---\n" + deployment("a", "a")},
			".",
			[]string{"a.yaml:1: Service canarylab-own/ingress: the lab has a part of its own that is called ingress"}},
		{"several kustomizations", map[string]string{"base/kustomization.yaml": "resources: [a.yaml]\n",
			"base/a.yaml": app, "prod/kustomization.yaml": "resources: [../base]\n"}, ".",
			[]string{"there are kustomizations in it: name the one to be built", "prod"}},
		{"a kustomization from elsewhere", map[string]string{"kustomization.yaml": "resources:\n- a.yaml\n" +
			"- https://example.com/a.yaml\n- github.com/example/deploy?ref=main\n", "a.yaml": app}, ".",
			[]string{"kustomization.yaml:3: https://example.com/a.yaml is not on this machine",
				"kustomization.yaml:4: github.com/example/deploy?ref=main is not", "kustomize build"}},
		{"a patch from elsewhere in a base", map[string]string{"prod/kustomization.yaml": "resources: [../base]\n",
			"base/kustomization.yaml": "resources: [a.yaml]\npatches:\n- path: http://example.com/p.yaml\n",
			"base/a.yaml":             app}, "prod",
			[]string{"base/kustomization.yaml:3: http://example.com/p.yaml is not"}},
		{"a kustomization that lacks a file", map[string]string{"kustomization.yaml": "resources: [gone.yaml]\n"}, ".",
			[]string{"kustomize can't build it", "gone.yaml"}},
		{"a mistake in what kustomize made", map[string]string{"kustomization.yaml": "resources: [a.yaml]\n",
			"a.yaml": app + one("rbac.authorization.k8s.io/v1", "ClusterRole", "", "r")}, ".",
			[]string{" document 3: ClusterRole r: it is in no namespace"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, content := range c.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			set, err := standin.Load(t.Context(), []string{filepath.Join(dir, c.path)}, nil)
			if err == nil {
				_, err = set.Standins(standin.Options{Image: "app"})
			}
			if !errors.Is(err, standin.ErrInput) {
				t.Fatalf("got %v, want a mistake in the input", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q\nwithout  %q", err, want)
				}
			}
		})
	}
}

func TestTooManyWorkloadsForTheNode(t *testing.T) {
	var b strings.Builder
	for i := range 5 {
		name := fmt.Sprintf("a%d", i)
		b.WriteString(service(name, name) + "---\n" + strings.Replace(deployment(name, name), "spec:\n",
			"spec:\n  replicas: 3\n", 1) + "---\n")
	}
	set, err := standin.Load(t.Context(), []string{"-"}, strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	for maxPods, want := range map[int]int{15: 15, 10: 5, 4: 0} {
		p, err := set.Standins(standin.Options{Image: "app", MaxPods: maxPods})
		switch {
		case want == 0 && (!errors.Is(err, standin.ErrInput) || !strings.Contains(err.Error(), "has room for 4 pods")):
			t.Errorf("for %d pods: got %v", maxPods, err)
		case want > 0 && err != nil:
			t.Errorf("for %d pods: %v", maxPods, err)
		case want > 0 && p.Pods() != want:
			t.Errorf("for %d pods: got %d", maxPods, p.Pods())
		}
	}
}
