package live

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// objects implements environment.Objects.
type objects struct{ Cluster }

func (o objects) Owner(ctx context.Context, ns string) (string, bool, error) {
	if o.Made {
		left, err := o.Kube.Applied(ctx, ns)
		return mesh.Manager, len(left) > 0, err
	}
	got, err := o.Kube.Kubernetes().CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look for namespace %s: %w", ns, err)
	}
	return got.Labels[mesh.ManagedBy], true, nil
}

func (o objects) Apply(ctx context.Context, all []environment.Object) error {
	adapted := make([]environment.Object, 0, len(all))
	for _, object := range all {
		if o.Made && object.GetKind() == "Namespace" {
			continue
		}
		object = object.DeepCopy()
		o.adapt(object)
		adapted = append(adapted, object)
	}
	_, err := o.Kube.ApplyInOrder(ctx, adapted)
	return err
}

func (o objects) Delete(ctx context.Context, all []environment.Object) error {
	refs := make([]kube.Ref, len(all))
	for i, object := range all {
		refs[i] = kube.RefOf(object)
	}
	return o.Kube.Delete(ctx, refs...)
}

func (o objects) Scale(ctx context.Context, ns, deployment string, replicas int32) error {
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	_, err := o.Kube.Kubernetes().AppsV1().Deployments(ns).Patch(ctx, deployment, types.MergePatchType, patch,
		metav1.PatchOptions{FieldManager: kube.FieldManager}, "scale")
	if err != nil {
		return fmt.Errorf("scale deployment %s/%s to %d: %w", ns, deployment, replicas, err)
	}
	return nil
}

func (o objects) Undo(ctx context.Context, ns, name string) error { return o.Kube.Undo(ctx, ns, name) }

func (o objects) Restart(ctx context.Context, ns, name string) error {
	return o.Kube.Restart(ctx, ns, name)
}

func (o objects) Ready(ctx context.Context, ns string) error {
	for i, one := range o.namespaces(ns) {
		if i > 0 {
			// One of somebody's own may have none.
			list, err := o.Kube.Kubernetes().AppsV1().Deployments(one).List(ctx, metav1.ListOptions{Limit: 1})
			if err != nil {
				return fmt.Errorf("list the deployments of namespace %s: %w", one, err)
			}
			if len(list.Items) == 0 {
				continue
			}
		}
		if err := o.Kube.WaitWorkloads(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// Remove takes 5 s at least: the namespace controller looks at a deleted namespace only after that long, so
// that other API servers learn of it (namespaceDeletionGracePeriod in
// k8s.io/kubernetes/pkg/controller/namespace).
func (o objects) Remove(ctx context.Context, ns string) error {
	if o.Lost != nil {
		if err := o.Lost(); err != nil {
			return err
		}
	}
	if o.Made {
		return o.Kube.Clear(ctx, ns)
	}
	return o.Kube.DeleteNamespace(ctx, ns)
}
