package standin_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/harness/standin"
)

var update = flag.Bool("update", false, "write the golden files anew")

func load(t *testing.T, paths ...string) *standin.Set {
	t.Helper()
	set, err := standin.Load(t.Context(), paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func plan(t *testing.T, set *standin.Set) *standin.Plan {
	t.Helper()
	p, err := set.Standins(standin.Options{Image: "canarylab/sampleapp:dev"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPlans holds what is made of a few teams' manifests against golden files.
func TestPlans(t *testing.T) {
	for _, name := range []string{"books", "shop", "routes-only.yaml", "services-only.yaml", "overlays/prod"} {
		t.Run(name, func(t *testing.T) {
			p := plan(t, load(t, filepath.Join("testdata", name)))
			got := printed(t, p)
			path := filepath.Join("testdata", strings.ReplaceAll(strings.TrimSuffix(name, ".yaml"), "/", "-")+".golden")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
				for i := range min(len(g), len(w)) {
					if g[i] != w[i] {
						t.Fatalf("%s:%d (-update accepts it):\n got %s\nwant %s", path, i+1, g[i], w[i])
					}
				}
				t.Fatalf("%s: got %d lines, want %d", path, len(g), len(w))
			}
			for _, o := range p.Objects() {
				taken(t, o)
			}
		})
	}
}

// taken holds an object against the types that an API server and Istio read.
func taken(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	b, err := kube.YAML([]*unstructured.Unstructured{o})
	if err != nil {
		t.Fatal(err)
	}
	ns := o.GetNamespace()
	if o.GetKind() == "Namespace" {
		ns = o.GetName()
	}
	for _, p := range manifest.Check("plan", []string{ns}, b) {
		if !strings.Contains(p.Text, "in this Istio, not") { // an older version that is served
			t.Errorf("%s %s: %s", o.GetKind(), o.GetName(), p)
		}
	}
}

// printed has everything of a plan but what is made by chance.
func printed(t *testing.T, p *standin.Plan) []byte {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintln(&b, "notes")
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "  %s: %s\n", n.Kind, n)
	}
	fmt.Fprintln(&b, "workloads")
	for _, w := range p.Workloads {
		fmt.Fprintf(&b, "  %s/%s %s version=%s services=%v replicas=%d ports=%v admin=%d sidecar=%v from %s\n",
			w.Namespace, w.Name, w.Kind, w.Version, w.Services, w.Replicas, w.Ports, w.AdminPort, w.Sidecar, w.Source)
	}
	fmt.Fprintln(&b, "services")
	for _, s := range p.Services {
		fmt.Fprintf(&b, "  %s %v", s.Host(), s.Ports)
		for _, w := range p.Behind(s.Host(), "", "", 0) {
			fmt.Fprint(&b, " ", w.Version)
		}
		fmt.Fprintln(&b)
	}
	for _, g := range p.Gateways {
		fmt.Fprintf(&b, "gateway %s/%s met=%v %+v in %s %v\n", g.Namespace, g.Name, g.Met, g.Servers,
			p.GatewayNamespace, p.GatewayLabels)
	}
	fmt.Fprintln(&b, "namespaces", p.Namespaces)
	objects := p.Objects()
	for i, o := range objects {
		if o.GetKind() == "Secret" {
			objects[i] = o.DeepCopy()
			data, _, _ := unstructured.NestedMap(o.Object, "data")
			for name := range data {
				data[name] = "made"
			}
			objects[i].Object["data"] = data
		}
	}
	y, err := kube.YAML(objects)
	if err != nil {
		t.Fatal(err)
	}
	b.WriteString("---\n")
	b.Write(y)
	return b.Bytes()
}

func TestBehind(t *testing.T) {
	books := plan(t, load(t, "testdata/books"))
	shop := plan(t, load(t, "testdata/shop"))
	const own = standin.DefaultNamespace
	for _, c := range []struct {
		plan                    *standin.Plan
		host, namespace, subset string
		port                    int
		want                    []string
	}{
		{books, "reviews", own, "v1", 0, []string{"reviews-v1"}},
		{books, "reviews", own, "v2", 0, nil}, // its label is v2.0, which no pod has
		{books, "reviews." + own + ".svc.cluster.local", "elsewhere", "v3", 9080, []string{"reviews-v3"}},
		{books, "reviews", own, "", 9080, []string{"reviews-v1", "reviews-v2", "reviews-v3"}},
		{books, "reviews", own, "", 80, nil},
		{books, "reviews", own, "v4", 0, nil},
		{books, "reviews", "elsewhere", "", 0, nil},
		{books, "reviews." + own, own, "", 0, nil}, // for Istio that is a name outside
		{shop, "cart", "shop", "", 80, []string{"cart"}},
		{shop, "cart", "shop", "", 9100, []string{"cart"}},
		{shop, "pay", "shop", "", 8080, nil}, // its port has a name that no container has
		{shop, "pay", "shop", "", 0, []string{"pay"}},
		{shop, "stock", "shop", "", 0, nil},
	} {
		var got []string
		for _, w := range c.plan.Behind(c.host, c.namespace, c.subset, c.port) {
			got = append(got, w.Version)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("Behind(%s, %s, %s, %d): got %v, want %v", c.host, c.namespace, c.subset, c.port, got, c.want)
		}
	}
	if w, ok := books.ByVersion("reviews-v2"); !ok || w.Name != "reviews-v2" {
		t.Errorf("ByVersion: got %+v, %v", w, ok)
	}
}

func TestCertificateIsForTheGatewaysHosts(t *testing.T) {
	for _, o := range plan(t, load(t, "testdata/books")).Objects() {
		if o.GetKind() != "Secret" {
			continue
		}
		var pair [2][]byte
		for i, name := range []string{"tls.crt", "tls.key"} {
			text, _, _ := unstructured.NestedString(o.Object, "data", name)
			var err error
			if pair[i], err = base64.StdEncoding.DecodeString(text); err != nil {
				t.Fatal(err)
			}
		}
		c, err := tls.X509KeyPair(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Leaf.VerifyHostname("books.example.com"); err != nil || o.GetName() != "books-certificate" {
			t.Errorf("Secret %s: %v", o.GetName(), err)
		}
		return
	}
	t.Error("there is no Secret")
}

func TestStdinHasDocumentsAndTemplates(t *testing.T) {
	helm := "---\n# Source: shop/templates/service.yaml\n" + service("a", "x") +
		"---\n# Source: shop/templates/app.yaml\n" + deployment("a", "x") +
		"---\n# Source: shop/templates/tests/test.yaml\napiVersion: v1\nkind: Pod\nmetadata:\n  name: try\n" +
		"  annotations: {helm.sh/hook: test}\n"
	set, err := standin.Load(t.Context(), []string{"-"}, strings.NewReader(helm))
	if err != nil {
		t.Fatal(err)
	}
	if got := set.Objects[1].Source.String(); got != "stdin document 2 (shop/templates/app.yaml)" {
		t.Errorf("got source %q", got)
	}
	if len(set.Objects) != 2 || len(set.Notes) != 1 || set.Notes[0].Kind != standin.LeftOut {
		t.Errorf("got %d objects and %v, want the hook left out", len(set.Objects), set.Notes)
	}
}

// TestSecretsStaySecret tries what a report or a log could print.
func TestSecretsStaySecret(t *testing.T) {
	p := plan(t, load(t, "testdata/shop"))
	if got := string(printed(t, p)); strings.Contains(got, "hunter2") {
		t.Error("the plan has the content of a Secret")
	}
	half := "kind: Secret\nstringData: {password: hunter2}\n"
	_, err := standin.Load(t.Context(), []string{"-"}, strings.NewReader(half))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got error %v", err)
	}
}

func service(name, app string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec:\n  selector: {app: %s}\n"+
		"  ports: [{name: http, port: 80}]\n", name, app)
}

func deployment(name, app string) string {
	return fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s}\nspec:\n  template:\n"+
		"    metadata: {labels: {app: %s}}\n    spec: {containers: [{name: app, image: app}]}\n", name, app)
}

func TestRefusedFast(t *testing.T) {
	for _, stream := range []string{
		strings.Repeat("---\n"+service("a", "a"), 10000),
		strings.Repeat("#\n", 9<<20),
	} {
		began := time.Now()
		_, err := standin.Load(t.Context(), []string{"-"}, strings.NewReader(stream))
		if !errors.Is(err, standin.ErrInput) || !strings.Contains(err.Error(), "name only the files") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("refused after %s", took)
		}
	}
}
