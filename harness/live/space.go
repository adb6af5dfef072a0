package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// Space implements training.Space.
type Space struct {
	c Cluster

	mu sync.Mutex
	// deleted are the uids of what Restore deleted: nobody else did.
	deleted map[string]bool
	// made is when each controller made its last object, such as a replica set a pod, by the controller's uid.
	made map[types.UID]time.Time
}

// NewSpace returns the namespaces of c, for missions.
func NewSpace(c Cluster) *Space {
	if c.Mesh.Namespace == "" {
		c.Mesh = mesh.Own
	}
	return &Space{c: c, deleted: map[string]bool{}, made: map[types.UID]time.Time{}}
}

// kinds are those that a learner may write to mend something, or to make it worse. What Kubernetes makes of them (such
// as replica sets), and what no traffic depends on, is not among them.
func (s *Space) kinds() ([]kube.Kind, error) {
	wanted := map[string][]string{
		"":                  {"services", "pods", "resourcequotas", "limitranges"},
		"apps":              {"deployments", "statefulsets", "daemonsets"},
		"batch":             {"jobs", "cronjobs"},
		"autoscaling":       {"horizontalpodautoscalers"},
		"policy":            {"poddisruptionbudgets"},
		"networking.k8s.io": {"networkpolicies", "ingresses"},
	}
	return s.c.Kube.Kinds(func(group, resource string) bool {
		return strings.HasSuffix(group, ".istio.io") || group == "gateway.networking.k8s.io" ||
			slices.Contains(wanted[group], resource)
	})
}

// Watch implements training.Space.
func (s *Space) Watch(ctx context.Context, ns string, sink func(environment.Write)) error {
	kinds, err := s.kinds()
	if err != nil {
		return err
	}
	return s.c.Kube.WatchObjects(ctx, ns, kinds, func(c kube.ObjectChange) {
		if w, ok := s.write(c); ok {
			sink(w)
		}
	})
}

// write says what a change was, and whether somebody else than the lab and Kubernetes made it.
func (s *Space) write(c kube.ObjectChange) (environment.Write, bool) {
	w := environment.Write{At: c.At}
	object := c.After
	switch {
	case c.After == nil:
		object, w.Verb = c.Before, "deleted"
		s.mu.Lock()
		ours := s.deleted[string(object.GetUID())]
		s.mu.Unlock()
		if ours {
			return w, false
		}
	case c.Before == nil:
		w.Verb, w.By = "created", writer(nil, c.After)
	default:
		w.Verb, w.By, w.What = "changed", writer(c.Before, c.After), differences(c.Before, c.After)
		if len(w.What) == 0 {
			return w, false
		}
	}
	w.Object = object.GetKind() + "/" + object.GetName()
	byHand := s.byHand(object, w.Verb)
	return w, byHand && !isKubernetes(w.By)
}

// byHand tells whether nobody's controller wrote an object. Who deletes one is in no object. A controller replaces at
// once what somebody else deleted, and does not replace what it deleted itself, such as the old pods of a rollout.
func (s *Space) byHand(o *unstructured.Unstructured, verb string) bool {
	owner := metav1.GetControllerOf(o)
	if owner == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if verb != "deleted" {
		if made := o.GetCreationTimestamp().Time; made.After(s.made[owner.UID]) {
			s.made[owner.UID] = made
		}
		return false
	}
	asked := o.GetDeletionTimestamp()
	if asked == nil {
		return false // it is gone at once, and nothing tells by whom
	}
	// The deletion's own time is the end of the grace period. The kubelet ends that by asking for the shortest one, of
	// a second, which is then noted as none: so it is in the last state of a pod (seen with Kubernetes 1.36).
	grace := time.Second
	if seconds := o.GetDeletionGracePeriodSeconds(); seconds != nil && *seconds > 0 {
		grace = time.Duration(*seconds) * time.Second
	}
	return !s.made[owner.UID].Before(asked.Add(-grace))
}

// isKubernetes tells whether a field manager is the lab, or a part of Kubernetes or Istio.
func isKubernetes(manager string) bool {
	switch manager {
	case kube.FieldManager, "kube-controller-manager", "kubelet", "kube-scheduler", "pilot-discovery":
		return true
	}
	return false
}

// writer is the field manager that wrote last, other than to the status.
func writer(before, after *unstructured.Unstructured) string {
	var had []metav1.ManagedFieldsEntry
	if before != nil {
		had = before.GetManagedFields()
	}
	last := ""
	for _, f := range after.GetManagedFields() {
		known := slices.ContainsFunc(had, func(h metav1.ManagedFieldsEntry) bool {
			return h.Manager == f.Manager && h.Operation == f.Operation && h.Subresource == f.Subresource &&
				h.Time.Equal(f.Time) && string(rawFields(h)) == string(rawFields(f))
		})
		if !known && f.Subresource != "status" {
			last = f.Manager
		}
	}
	return last
}

func rawFields(f metav1.ManagedFieldsEntry) []byte {
	if f.FieldsV1 == nil {
		return nil
	}
	return f.FieldsV1.GetRawBytes()
}

// Restore implements training.Space.
func (s *Space) Restore(ctx context.Context, ns string, want, keep []environment.Object) error {
	kinds, err := s.kinds()
	if err != nil {
		return err
	}
	for _, k := range kinds {
		have, err := s.c.Kube.ListKind(ctx, k, ns)
		if err != nil {
			return err
		}
		for i := range have {
			if err := s.remove(ctx, &have[i], want, keep); err != nil {
				return err
			}
		}
	}
	for _, o := range slices.Concat(want, keep) {
		// Who sends the load would be restarted, and the load with it.
		if o.GetKind() == "Deployment" && slices.Contains(keep, o) {
			continue
		}
		o = o.DeepCopy()
		s.c.adapt(o)
		if err := s.c.Kube.Replace(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes an object that is not among those of want and keep, and belongs to no other object.
func (s *Space) remove(ctx context.Context, o *unstructured.Unstructured, want, keep []environment.Object) error {
	known := slices.ContainsFunc(slices.Concat(want, keep), func(w environment.Object) bool {
		return w.GroupVersionKind().GroupKind() == o.GroupVersionKind().GroupKind() && w.GetName() == o.GetName()
	})
	if known || metav1.GetControllerOf(o) != nil || o.GetDeletionTimestamp() != nil {
		return nil
	}
	s.mu.Lock()
	s.deleted[string(o.GetUID())] = true
	s.mu.Unlock()
	return s.c.Kube.Delete(ctx, kube.Ref{
		GroupVersionKind: o.GroupVersionKind(), Namespace: o.GetNamespace(), Name: o.GetName(),
	})
}

// Analyze implements training.Space.
func (s *Space) Analyze(ctx context.Context, ns string) ([]environment.Finding, error) {
	return s.c.analyze(ctx, ns)
}

// Troubles implements training.Space.
func (s *Space) Troubles(ctx context.Context, ns string) (all []string, lost bool) {
	if err := s.c.Kube.Answers(ctx); err != nil {
		return []string{"The cluster does not answer any more: canarylab train, begun again, brings one up."}, true
	}
	k := s.c.Kube.Kubernetes()
	got, err := k.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), err == nil && got.DeletionTimestamp != nil:
		return []string{fmt.Sprintf("Namespace %s was deleted, and with it those who send the load.", ns)}, false
	case err != nil:
		return []string{fmt.Sprintf("Namespace %s can't be read: %v.", ns, err)}, false
	}
	callers, err := k.AppsV1().Deployments(ns).List(ctx, metav1.ListOptions{})
	ready := false
	if err == nil {
		for _, d := range callers.Items {
			if d.Name != addons.SidecarCaller && d.Name != addons.PlainCaller {
				continue
			}
			ready = true
			if d.Status.ReadyReplicas == 0 {
				all = append(all, fmt.Sprintf("Deployment %s, which sends the load, has no ready pod.", d.Name))
			}
		}
		if !ready {
			all = append(all, "The deployment that sends the load was deleted.")
		}
	}
	istiod, err := s.c.Kube.Pods(ctx, s.c.Mesh.Namespace, s.c.Mesh.Selector())
	if err == nil && len(istiod) == 0 {
		all = append(all, fmt.Sprintf("istiod is gone, so that no change reaches a proxy: kubectl -n %s scale "+
			"deployment istiod --replicas=1 brings it back, or canarylab up where its deployment was deleted.",
			s.c.Mesh.Namespace))
	}
	return all, false
}
