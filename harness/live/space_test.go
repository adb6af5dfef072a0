package live

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

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

// A pod that somebody deleted is replaced at once, and one that a rollout deletes is not: only the one is a learner's.
func TestDeletionsByControllersAreNotTheLearners(t *testing.T) {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	pod := func(name, owner string, deleted time.Time) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod"}}
		o.SetName(name)
		o.SetCreationTimestamp(metav1.NewTime(at))
		yes := true
		o.SetOwnerReferences([]metav1.OwnerReference{{
			Kind: "ReplicaSet", Name: owner, UID: types.UID(owner), Controller: &yes,
		}})
		o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kube-controller-manager", Operation: "Update"}})
		if !deleted.IsZero() {
			// As an API server has it at the end: a second after it was asked for, with no period left.
			seconds, until := int64(0), metav1.NewTime(deleted.Add(time.Second))
			o.SetDeletionGracePeriodSeconds(&seconds)
			o.SetDeletionTimestamp(&until)
		}
		return o
	}
	s := NewSpace(Cluster{})
	if _, ok := s.write(kube.ObjectChange{After: pod("new", "v2-b", time.Time{})}); ok {
		t.Error("got a pod of a controller told, want it left out")
	}
	for _, tc := range []struct {
		name  string
		owner string
		at    time.Time
		want  bool
	}{
		{"the old pod of a rollout", "v2-a", at, false},
		{"a pod that was replaced", "v2-b", at, true},
		{"a pod that is scaled away later", "v2-b", at.Add(time.Minute), false},
	} {
		w, ok := s.write(kube.ObjectChange{Before: pod("old", tc.owner, tc.at)})
		if ok != tc.want {
			t.Errorf("%s: got %q, %t, want %t", tc.name, w, ok, tc.want)
		}
	}
	bare := pod("bare", "v2-a", at)
	bare.SetOwnerReferences(nil)
	if _, ok := s.write(kube.ObjectChange{Before: bare}); !ok {
		t.Error("got the deletion of a pod without a controller left out, want it told")
	}
}

// Of lists that differ in length only what was added, taken out or changed is told, each with its own place.
func TestDifferencesOfLists(t *testing.T) {
	rule := func(group string, weight int64) any {
		return map[string]any{"match": group, "route": []any{map[string]any{"subset": group, "weight": weight}}}
	}
	long := strings.Repeat("x", 200)
	for _, tc := range []struct {
		name          string
		before, after any
		want          []string
	}{
		{"added in front", []any{rule("a", 1)}, []any{rule("b", 1), rule("a", 1)}, []string{
			`http[0]: none → {"match":"b","route":[{"subset":"b","weight":1}]}`,
		}},
		{"taken out of the middle", []any{rule("a", 1), rule("b", 1), rule("c", 1)}, []any{rule("a", 1), rule("c", 1)},
			[]string{`http[1]: {"match":"b","route":[{"subset":"b","weight":1}]} → none`}},
		{"changed, and one added", []any{rule("a", 1)}, []any{rule("a", 2), rule("b", 1)}, []string{
			"http[0].route[0].weight: 1 → 2", `http[1]: none → {"match":"b","route":[{"subset":"b","weight":1}]}`,
		}},
		{"a long text with one change", long + "1" + long, long + "2" + long, []string{
			"http: …" + long[:20] + "1" + long[:20] + "… → …" + long[:20] + "2" + long[:20] + "…",
		}},
		{"a long text that is new", nil, long, []string{"http: none → " + long[:160] + "…"}},
	} {
		var got []string
		differ(&got, "http", tc.before, tc.after)
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestDifferences(t *testing.T) {
	a, b := rule("v2"), rule("v2")
	a.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"})
	a.SetLabels(map[string]string{"team": "a"})
	b.Object["spec"].(map[string]any)["subsets"] = []any{}
	got := differences(a, b)
	want := []string{"labels.team: a → none", `spec.subsets[0]: {"labels":{"version":"v2"},"name":"v2"} → none`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
