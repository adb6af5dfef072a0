package embedded

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/kube"
)

// pollEvery bounds how much later than its fact a wait ends.
const pollEvery = 50 * time.Millisecond

// Ready implements cluster.Cluster: the node takes pods.
func (c *Cluster) Ready(ctx context.Context) error {
	client, err := kube.New(c.Config())
	if err != nil {
		return err
	}
	last := "it has not registered"
	err = wait.PollUntilContextCancel(ctx, pollEvery, true, func(ctx context.Context) (bool, error) {
		node, err := client.Kubernetes().CoreV1().Nodes().Get(ctx, hostname(c.name), metav1.GetOptions{})
		if err != nil {
			last = err.Error()
			return false, nil
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady {
				last = condition.Message
				// A node that was stopped keeps its last status until its new kubelet has spoken.
				fresh := !c.resumed || condition.LastHeartbeatTime.After(c.opened)
				return condition.Status == corev1.ConditionTrue && fresh, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("wait until node %s is ready: %w; last seen: %s; its log is %s", hostname(c.name), err, last, c.layout.path("log", "kubelet.log"))
	}
	return nil
}

// Logs implements cluster.Logger: one file for each program of the node.
func (c *Cluster) Logs(_ context.Context, dir string) error {
	if err := os.CopyFS(dir, os.DirFS(c.layout.path("log"))); err != nil {
		return fmt.Errorf("copy the logs of cluster %q: %w", c.name, err)
	}
	return nil
}
