package kube

import (
	"maps"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What was added by others goes, and what the API server and its controllers put in stays.
func TestReplaced(t *testing.T) {
	have := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{
			"name": "my-service", "namespace": "shop", "resourceVersion": "7", "uid": "x",
			"labels":      map[string]any{"added": "by hand"},
			"annotations": map[string]any{"deployment.kubernetes.io/revision": "3", "added": "by hand"},
		},
		"spec": map[string]any{
			"clusterIP": "10.0.0.1", "selector": map[string]any{"version": "v1"}, "sessionAffinity": "ClientIP",
		},
		"status": map[string]any{"loadBalancer": map[string]any{}},
	}}
	want := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "my-service", "namespace": "shop"},
		"spec": map[string]any{"selector": map[string]any{"version": "v2"}},
	}}
	got := replaced(have, want)
	spec := got.Object["spec"].(map[string]any)
	if got.GetResourceVersion() != "7" || got.GetUID() != "x" || spec["clusterIP"] != "10.0.0.1" || len(spec) != 2 ||
		spec["selector"].(map[string]any)["version"] != "v2" || len(got.GetLabels()) != 0 {
		t.Errorf("got %+v, want the new spec, with the address, and no label", got.Object)
	}
	if a := got.GetAnnotations(); !maps.Equal(a, map[string]string{"deployment.kubernetes.io/revision": "3"}) {
		t.Errorf("got annotations %q, want the controller's", a)
	}
	if len(want.GetAnnotations()) != 0 {
		t.Error("the object that was asked for was changed")
	}
	namespace := &unstructured.Unstructured{Object: map[string]any{
		"kind": "Namespace", "metadata": map[string]any{"name": "shop", "labels": map[string]any{
			"kubernetes.io/metadata.name": "shop", "istio-injection": "enabled",
		}},
	}}
	bare := &unstructured.Unstructured{Object: map[string]any{
		"kind": "Namespace", "metadata": map[string]any{"name": "shop"},
	}}
	own := map[string]string{"kubernetes.io/metadata.name": "shop"}
	if l := replaced(namespace, bare).GetLabels(); !maps.Equal(l, own) {
		t.Errorf("got labels %q, want the API server's", l)
	}
}
