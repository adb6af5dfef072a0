package live

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/kube"
)

// rule is a DestinationRule as an API server has it.
func rule(version string, managers ...string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
		"metadata": map[string]any{"name": "my-service", "namespace": "shop", "resourceVersion": version},
		"spec": map[string]any{
			"host":    "my-service",
			"subsets": []any{map[string]any{"name": "v2", "labels": map[string]any{"version": version}}},
		},
		"status": map[string]any{"seen": version},
	}}
	var fields []metav1.ManagedFieldsEntry
	for i, m := range managers {
		at := metav1.NewTime(time.Unix(int64(i), 0))
		fields = append(fields, metav1.ManagedFieldsEntry{
			Manager: m, Operation: metav1.ManagedFieldsOperationUpdate, Time: &at,
		})
	}
	o.SetManagedFields(fields)
	return o
}

// What the learner writes is told, with what changed and by what; what the lab and Kubernetes write is not.
func TestWritesAreTheLearners(t *testing.T) {
	s := NewSpace(Cluster{})
	restored := rule("v2")
	restored.SetUID("restored")
	s.deleted["restored"] = true
	owned := rule("v2", "kubectl-edit")
	yes := true
	owned.SetOwnerReferences([]metav1.OwnerReference{{Kind: "ReplicaSet", Name: "x", Controller: &yes}})
	status := rule("v2", kube.FieldManager, "pilot-discovery")
	status.Object["status"] = map[string]any{"seen": "otherwise"}
	for _, tc := range []struct {
		name string
		c    kube.ObjectChange
		want string // empty where nothing is to be told
	}{
		{
			"an edit", kube.ObjectChange{
				Before: rule("v2.0", kube.FieldManager), After: rule("v2", kube.FieldManager, "kubectl-edit"),
			}, "changed DestinationRule/my-service (spec.subsets[0].labels.version: v2.0 → v2)",
		},
		{"the lab's", kube.ObjectChange{Before: rule("v2.0"), After: rule("v2", kube.FieldManager)}, ""},
		{"a status", kube.ObjectChange{Before: rule("v2", kube.FieldManager), After: status}, ""},
		{"a new one", kube.ObjectChange{After: rule("v2", "kubectl-create")}, "created DestinationRule/my-service"},
		{"a pod of a deployment", kube.ObjectChange{After: owned}, ""},
		{"gone", kube.ObjectChange{Before: rule("v2", kube.FieldManager)}, "deleted DestinationRule/my-service"},
		{"gone by a reset", kube.ObjectChange{Before: restored}, ""},
	} {
		w, ok := s.write(tc.c)
		if ok != (tc.want != "") || ok && w.String() != tc.want {
			t.Errorf("%s: got %q, %t, want %q", tc.name, w, ok, tc.want)
		}
	}
	w, _ := s.write(kube.ObjectChange{
		Before: rule("v2.0", kube.FieldManager), After: rule("v2", kube.FieldManager, "kubectl-edit"),
	})
	if w.By != "kubectl-edit" {
		t.Errorf("got it written by %q, want kubectl-edit", w.By)
	}
}

func TestDifferences(t *testing.T) {
	a, b := rule("v2"), rule("v2")
	a.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"})
	a.SetLabels(map[string]string{"team": "a"})
	b.Object["spec"].(map[string]any)["subsets"] = []any{}
	got := differences(a, b)
	want := []string{"labels.team: a → none", `spec.subsets: [{"labels":{"version":"v2"},"name":"v2"}] → []`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
