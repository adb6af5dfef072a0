package standin_test

import (
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/standin"
)

// A Gateway of the Gateway API is served by the lab's gateway, in its namespace and of Istio's class, and by none else.
func TestGatewaysOfTheGatewayAPI(t *testing.T) {
	p := plan(t, load(t, "../../docs/your-canary/httproute.yaml"))
	if len(p.Gateways) != 1 || !p.Gateways[0].Met || p.GatewayNamespace != "shop" {
		t.Fatalf("got gateways %+v in %q, want one that is met, in shop", p.Gateways, p.GatewayNamespace)
	}
	addresses := ""
	for _, o := range p.Objects() {
		if o.GetKind() == "Gateway" {
			all, _, _ := unstructured.NestedSlice(o.Object, "spec", "addresses")
			one, _ := all[0].(map[string]any)
			addresses, _ = one["value"].(string)
		}
	}
	if addresses != "ingress.shop.svc.cluster.local" {
		t.Errorf("got address %q, want the lab's gateway", addresses)
	}
	for name, edit := range map[string][2]string{
		"a class of others":          {"gatewayClassName: istio", "gatewayClassName: nginx"},
		"a Gateway that is not here": {"- name: edge", "- name: others"},
	} {
		text := strings.Replace(file(t, "../../docs/your-canary/httproute.yaml"), edit[0], edit[1], 1)
		set, err := standin.Load(t.Context(), []string{"-"}, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		missing := 0
		for _, n := range plan(t, set).Notes {
			if n.Kind == standin.Missing {
				missing++
			}
		}
		if missing != 1 {
			t.Errorf("%s: got %d notes of what is missing, want one", name, missing)
		}
	}
}

func file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
