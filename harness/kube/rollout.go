package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// revisionAnnotation is the annotation in which the deployment controller numbers the ReplicaSets of a
// Deployment (k8s.io/kubernetes/pkg/controller/deployment/util).
const revisionAnnotation = "deployment.kubernetes.io/revision"

// Undo gives a Deployment the pod template that it had before the current one, as kubectl rollout undo does. It
// takes the template from the ReplicaSet with the newest revision below the current one. It is an error if
// there is none. Undo returns when the API server has accepted the write.
func (c *Client) Undo(ctx context.Context, ns, deployment string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("undo the rollout of deployment %s/%s: %w", ns, deployment, err)
		}
	}()
	apps := c.kube.AppsV1()
	d, err := apps.Deployments(ns).Get(ctx, deployment, metav1.GetOptions{})
	if err != nil {
		return err
	}
	own := metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)}
	sets, err := apps.ReplicaSets(ns).List(ctx, own)
	if err != nil {
		return err
	}
	before := previous(d, sets.Items)
	if before == nil {
		return errors.New("it has no earlier revision")
	}
	template := before.Spec.Template.DeepCopy()
	delete(template.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	// A replacement, because a merge would keep what only the newer template has.
	patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec/template", "value": template}})
	if err != nil {
		return err
	}
	_, err = apps.Deployments(ns).Patch(ctx, deployment, types.JSONPatchType, patch,
		metav1.PatchOptions{FieldManager: FieldManager})
	return err
}

// Restart makes a Deployment replace its pods, by the same annotation as kubectl rollout restart. It returns
// when the API server has accepted the write.
func (c *Client) Restart(ctx context.Context, ns, deployment string) error {
	const restartedAt = `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":%q}}}}}`
	patch := fmt.Appendf(nil, restartedAt, time.Now().UTC().Format(time.RFC3339Nano))
	_, err := c.kube.AppsV1().Deployments(ns).Patch(ctx, deployment, types.StrategicMergePatchType, patch,
		metav1.PatchOptions{FieldManager: FieldManager})
	if err != nil {
		return fmt.Errorf("restart deployment %s/%s: %w", ns, deployment, err)
	}
	return nil
}

// previous returns the deployment's ReplicaSet with the second newest revision, nil if there is none.
func previous(d *appsv1.Deployment, all []appsv1.ReplicaSet) *appsv1.ReplicaSet {
	revision := func(s appsv1.ReplicaSet) int {
		n, err := strconv.Atoi(s.Annotations[revisionAnnotation])
		if err != nil {
			return 0
		}
		return n
	}
	var own []appsv1.ReplicaSet
	for _, s := range all {
		if metav1.IsControlledBy(&s, d) && revision(s) > 0 {
			own = append(own, s)
		}
	}
	slices.SortFunc(own, func(a, b appsv1.ReplicaSet) int { return revision(b) - revision(a) })
	if len(own) < 2 {
		return nil
	}
	return &own[1]
}
