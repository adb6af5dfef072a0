package kube

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

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
