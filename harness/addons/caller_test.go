package addons

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/loadgen"
)

// A named caller has the labels and the account of whom it calls for, and the lab finds it by a label of its own.
func TestNamedCaller(t *testing.T) {
	site := Site{Namespaces: []string{"shop", "payments"}, Callers: []Caller{{
		Name: "checkout", Namespace: "payments", Labels: map[string]string{"app": "checkout"}, Account: "checkout",
	}}}
	plan := loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "a"}, {Name: "b", Caller: "checkout"}}}
	a, err := New(site, plan, false)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, o := range a.Callers {
		got[o.GetKind()+"/"+o.GetName()] = o.GetNamespace()
		if o.GetName() != "load-client-checkout" {
			continue
		}
		labels, _, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
		selector, _, _ := unstructured.NestedStringMap(o.Object, "spec", "selector", "matchLabels")
		account, _, _ := unstructured.NestedString(o.Object, "spec", "template", "spec", "serviceAccountName")
		if labels["app"] != "checkout" || labels[CallerLabel] != "checkout" || account != "checkout" ||
			len(selector) != 1 || selector[CallerLabel] != "checkout" {
			t.Errorf("got labels %v, account %q, selector %v", labels, account, selector)
		}
	}
	for name, ns := range map[string]string{
		"Deployment/load-client": "shop", "Deployment/load-client-checkout": "payments",
		"ServiceAccount/checkout": "payments",
	} {
		if got[name] != ns {
			t.Errorf("got %v, want %s in %s", got, name, ns)
		}
	}
	plan.Cohorts[1].Caller = "nobody"
	if _, err := New(site, plan, false); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("got %v, want that there is no such caller", err)
	}
}
