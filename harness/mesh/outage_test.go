package mesh

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/kube"
)

// istiodOf returns a cluster with an istiod of two replicas and one pod, and an istiod of another revision. The
// pod is gone some time after its istiod was scaled to zero.
func istiodOf(t *testing.T) (a *api, d *unstructured.Unstructured) {
	t.Helper()
	a = &api{
		objects: join(
			istio(t, "docker.io/istio/pilot:1.31.0"),
			istio(t, "docker.io/istio/pilot:1.31.0", "revision=second"),
		),
	}
	for _, o := range a.objects {
		if o.GetKind() == "Deployment" {
			o.SetResourceVersion("1")
		}
	}
	d = find(a.objects, "Deployment", istiodName)
	_ = unstructured.SetNestedField(d.Object, int64(2), "spec", "replicas")
	pod := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Pod"}}
	pod.SetName("istiod-1")
	pod.SetNamespace(Namespace)
	pod.SetLabels(map[string]string{"app": istiodName, revisionLabel: "default"})
	a.objects = append(a.objects, pod)
	a.patched = func(o *unstructured.Unstructured) {
		_ = unstructured.SetNestedField(o.Object, dig(o.Object, "spec", "replicas"), "status", "availableReplicas")
		time.AfterFunc(2*pollEvery, func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			for i, o := range a.objects {
				if o == pod {
					a.objects = append(a.objects[:i:i], a.objects[i+1:]...)
					break
				}
			}
		})
	}
	return a, d
}

func TestControlPlaneIsStoppedAndStarted(t *testing.T) {
	a, d := istiodOf(t)
	k := a.client(t)
	stopped := func(want bool, replicas, annotation any) {
		t.Helper()
		got, err := ControlPlaneStopped(t.Context(), k, Own)
		if err != nil || got != want {
			t.Errorf("got stopped %v and error %v, want %v", got, err, want)
		}
		if r, a := dig(d.Object, "spec", "replicas"), dig(d.Object, "metadata", "annotations",
			replicasAnnotation); asInt(
			r,
		) != asInt(
			replicas,
		) ||
			a != annotation {
			t.Errorf("got %v replicas and annotation %v, want %v and %v", r, a, replicas, annotation)
		}
	}
	must := func(do func(context.Context, *kube.Client, Installed) error) {
		t.Helper()
		if err := do(t.Context(), k, Own); err != nil {
			t.Fatal(err)
		}
	}
	stopped(false, 2, nil)
	a.conflicts = 2
	must(StopControlPlane)
	stopped(true, 0, "2")
	if find(a.objects, "Pod", "istiod-1") != nil {
		t.Error("got back while istiod's pod was there, want it gone")
	}
	must(StopControlPlane)
	stopped(true, 0, "2")
	if version := d.GetResourceVersion(); version != "11" {
		t.Errorf("got version %s, want one write", version)
	}
	must(StartControlPlane)
	stopped(false, 2, nil)
	must(StartControlPlane)
	stopped(false, 2, nil)
	// Somebody wrote nonsense, or scaled by hand meanwhile.
	must(StopControlPlane)
	d.SetAnnotations(map[string]string{replicasAnnotation: "many"})
	_ = unstructured.SetNestedField(d.Object, int64(3), "spec", "replicas")
	must(StopControlPlane)
	stopped(true, 0, "many")
	must(StartControlPlane)
	stopped(false, 1, nil)
	if other := find(a.objects, "Deployment", istiodName+"-second"); other.GetResourceVersion() != "1" {
		t.Error("got the other revision's istiod written to, want it left alone")
	}
}

// asInt returns a number of JSON's or of this test's.
func asInt(v any) int64 {
	switch n := v.(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	case int:
		return int64(n)
	}
	return -1
}

func TestControlPlaneThatDoesNotEndOrStart(t *testing.T) {
	a, d := istiodOf(t)
	a.patched = func(*unstructured.Unstructured) {}
	k := a.client(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*pollEvery)
	defer cancel()
	if err := StopControlPlane(ctx, k, Own); !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "left: istiod-1") {
		t.Errorf("got error %v, want the pod that is left", err)
	}
	if stopped, err := ControlPlaneStopped(t.Context(), k, Own); !stopped || err != nil {
		t.Errorf("got stopped %v and error %v, want it to be known", stopped, err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 4*pollEvery)
	defer cancel()
	if err := StartControlPlane(ctx, k, Own); !errors.Is(err, context.DeadlineExceeded) ||
		asInt(dig(d.Object, "spec", "replicas")) != 2 {
		t.Errorf("got error %v and %v replicas, want the end of the time and 2", err, dig(d.Object, "spec", "replicas"))
	}
	for _, do := range []func(context.Context, *kube.Client, Installed) error{StopControlPlane, StartControlPlane} {
		if err := do(t.Context(), k, Installed{Namespace: Namespace, Revision: "third"}); !errors.Is(err, ErrNoIstio) {
			t.Errorf("got error %v, want %v", err, ErrNoIstio)
		}
	}
}
