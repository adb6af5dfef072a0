package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"github.com/canarylab/canarylab/harness/kube"
)

// replicasAnnotation has the former number of replicas of an istiod that StopControlPlane stopped.
const replicasAnnotation = "canarylab.io/replicas"

// StopControlPlane scales m's istiod to zero and waits until its last pod is gone, which takes at
// most the pod's grace period. The same write keeps the former number of replicas on the
// Deployment, so that anybody can undo it later with StartControlPlane. A HorizontalPodAutoscaler
// ignores a Deployment without replicas. To stop a stopped istiod is not an error.
//
// Proxies keep their configuration. The API server denies new and changed objects of Istio's kinds
// meanwhile, because istiod made its validating webhook mandatory (failurePolicy: Fail) when it
// first ran. Deletions are not validated and work. Pods that need a sidecar can't be created,
// because the injecting webhook is mandatory as well, and their ReplicaSet retries less and less
// often: a pod that is deleted meanwhile can come back a minute after istiod.
func StopControlPlane(ctx context.Context, k *kube.Client, m Installed) error {
	err := scaleIstiods(ctx, k, m, func(d *appsv1.Deployment) (annotation *string, replicas int32) {
		former, stopped := d.Annotations[replicasAnnotation]
		if !stopped {
			former = strconv.Itoa(int(kube.Replicas(d)))
		}
		return &former, 0
	})
	if err != nil {
		return fmt.Errorf("stop istiod of revision %s: %w", m.Revision, err)
	}
	var left []string
	err = wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		mine := metav1.ListOptions{LabelSelector: m.Selector()}
		pods, err := k.Kubernetes().CoreV1().Pods(m.Namespace).List(ctx, mine)
		if err != nil {
			return false, err
		}
		left = left[:0]
		for _, p := range pods.Items {
			left = append(left, p.Name)
		}
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("stop istiod of revision %s: wait until its pods are gone: %w; left: %s",
			m.Revision, err, strings.Join(left, ", "))
	}
	return nil
}

// StartControlPlane undoes StopControlPlane and waits until istiod is available. Proxies connect
// again, and the webhooks answer, some moments later. If nothing was stopped, it only waits.
func StartControlPlane(ctx context.Context, k *kube.Client, m Installed) error {
	err := scaleIstiods(ctx, k, m, func(d *appsv1.Deployment) (annotation *string, replicas int32) {
		former, stopped := d.Annotations[replicasAnnotation]
		if !stopped {
			return nil, kube.Replicas(d)
		}
		n, err := strconv.ParseInt(former, 10, 32)
		if err != nil || n < 1 {
			// Whoever wrote that, one istiod is better than none.
			n = 1
		}
		return nil, int32(n)
	})
	if err != nil {
		return fmt.Errorf("start istiod of revision %s: %w", m.Revision, err)
	}
	err = wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		all, err := istiods(ctx, k, m)
		for _, d := range all {
			if d.Status.ObservedGeneration < d.Generation || d.Status.AvailableReplicas < kube.Replicas(&d) {
				return false, nil
			}
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("start istiod of revision %s: wait until it is available: %w%s",
			m.Revision, err, k.Explain(ctx, m.Namespace, m.Selector()))
	}
	return nil
}

// ControlPlaneStopped tells whether StopControlPlane stopped an istiod of m, in this program or
// another, and nobody has started it since.
func ControlPlaneStopped(ctx context.Context, k *kube.Client, m Installed) (bool, error) {
	all, err := istiods(ctx, k, m)
	if err != nil {
		return false, fmt.Errorf("ask whether istiod of revision %s was stopped: %w", m.Revision, err)
	}
	for _, d := range all {
		if _, stopped := d.Annotations[replicasAnnotation]; stopped {
			return true, nil
		}
	}
	return false, nil
}

// istiods returns m's Deployments, at least one.
func istiods(ctx context.Context, k *kube.Client, m Installed) ([]appsv1.Deployment, error) {
	list, err := k.Kubernetes().AppsV1().Deployments(m.Namespace).List(ctx, anyIstiod)
	if err != nil {
		return nil, err
	}
	var all []appsv1.Deployment
	for _, d := range list.Items {
		if installed(d).Revision == m.Revision {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no istiod in namespace %s: %w", m.Namespace, ErrNoIstio)
	}
	return all, nil
}

// scaleIstiods sets the replicasAnnotation and the number of replicas of each of m's Deployments to
// what want returns. A nil annotation is removed. If somebody else writes at the same time, it asks
// want again.
func scaleIstiods(
	ctx context.Context, k *kube.Client, m Installed,
	want func(*appsv1.Deployment) (annotation *string, replicas int32),
) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		all, err := istiods(ctx, k, m)
		if err != nil {
			return err
		}
		for _, d := range all {
			annotation, replicas := want(&d)
			if _, has := d.Annotations[replicasAnnotation]; has == (annotation != nil) &&
				replicas == kube.Replicas(&d) {
				continue
			}
			patch, err := json.Marshal(map[string]any{
				// The version makes it a conflict if the Deployment has changed.
				"metadata": map[string]any{
					"resourceVersion": d.ResourceVersion, "annotations": map[string]any{replicasAnnotation: annotation},
				},
				"spec": map[string]any{"replicas": replicas},
			})
			if err != nil {
				return err
			}
			_, err = k.Kubernetes().AppsV1().Deployments(d.Namespace).Patch(ctx, d.Name, types.MergePatchType, patch,
				metav1.PatchOptions{FieldManager: kube.FieldManager})
			if err != nil {
				return fmt.Errorf("scale deployment %s: %w", d.Name, err)
			}
		}
		return nil
	})
}
