package addons

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/loadgen"
)

// The proxies of each namespace are recorded by the one collector, and the gateway is where and as the site has it.
func TestSite(t *testing.T) {
	site := Site{Namespaces: []string{"shop", "edge"}, Ingress: Ingress{
		Namespace: "edge", Labels: map[string]string{"istio": "public"}, Ports: []int{8080},
	}}
	plan := loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "in"}, {Name: "out", Entry: loadgen.Gateway}}}
	a, err := New(site, plan, false)
	if err != nil {
		t.Fatal(err)
	}
	filters, collectors := map[string]bool{}, 0
	for _, o := range a.Recorder {
		switch o.GetKind() {
		case "EnvoyFilter":
			filters[o.GetNamespace()] = true
		case "Deployment":
			collectors++
		}
	}
	if !filters["shop"] || !filters["edge"] || collectors != 1 {
		t.Errorf("got filters in %v and %d collectors, want one filter in each namespace, and one collector", filters,
			collectors)
	}
	found := false
	for _, o := range a.Callers {
		if o.GetName() != Gateway {
			if o.GetNamespace() != "shop" {
				t.Errorf("%s %s is in %s, want shop", o.GetKind(), o.GetName(), o.GetNamespace())
			}
			continue
		}
		if o.GetNamespace() != "edge" {
			t.Errorf("the gateway's %s is in %s, want edge", o.GetKind(), o.GetNamespace())
		}
		if o.GetKind() == "Deployment" {
			labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
			found = labels["istio"] == "public" && labels[GatewayLabel] == Gateway
		}
		if o.GetKind() == "Service" {
			ports, _, _ := unstructured.NestedSlice(o.Object, "spec", "ports")
			if len(ports) != 2 {
				t.Errorf("got ports %v, want 80 and 8080", ports)
			}
		}
	}
	if !found {
		t.Error("the gateway's pods lack their labels")
	}
}
