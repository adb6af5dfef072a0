package kube

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPreviousRevision(t *testing.T) {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "my-service-v2", UID: "1"}}
	other := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "my-service-v1", UID: "2"}}
	set := func(owner *appsv1.Deployment, name, revision string) appsv1.ReplicaSet {
		s := appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
			Name: name, Annotations: map[string]string{revisionAnnotation: revision},
		}}
		s.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(
			owner, appsv1.SchemeGroupVersion.WithKind("Deployment"),
		)}
		return s
	}
	for _, c := range []struct {
		name string
		all  []appsv1.ReplicaSet
		want string
	}{
		{"no rollout", []appsv1.ReplicaSet{set(d, "a", "1")}, ""},
		{"one", []appsv1.ReplicaSet{set(d, "a", "1"), set(d, "b", "2")}, "a"},
		{"numbers, not text", []appsv1.ReplicaSet{set(d, "a", "9"), set(d, "b", "10"), set(d, "c", "2")}, "a"},
		{"not another's", []appsv1.ReplicaSet{set(d, "a", "3"), set(other, "b", "2"), set(d, "c", "1")}, "c"},
		{"not numbered", []appsv1.ReplicaSet{set(d, "a", "3"), set(d, "b", "")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if s := previous(d, c.all); s != nil {
				got = s.Name
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
