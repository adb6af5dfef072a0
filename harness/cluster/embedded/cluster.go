package embedded

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	"github.com/canarylab/canarylab/harness/cluster"
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
		return fmt.Errorf("wait until node %s is ready: %w; last seen: %s; its log is %s", hostname(c.name), err, last,
			c.layout.path("log", "kubelet.log"))
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

// A Cluster is a running embedded cluster.
type Cluster struct {
	provider *Provider
	name     string
	layout   layout
	config   *rest.Config
	reused   bool
	resumed  bool      // continued from kept state
	opened   time.Time // heartbeats from before are of the last run
}

var (
	_ cluster.Cluster = (*Cluster)(nil)
	_ cluster.Logger  = (*Cluster)(nil)
)

// Name implements cluster.Cluster.
func (c *Cluster) Name() string { return c.name }

// Provider implements cluster.Cluster.
func (c *Cluster) Provider() string { return Name }

// Config implements cluster.Cluster.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Kubeconfig implements cluster.Cluster.
func (c *Cluster) Kubeconfig() string { return c.layout.kubeconfig() }

// Reused implements cluster.Cluster.
func (c *Cluster) Reused() bool { return c.reused }

// Reference implements cluster.Cluster.
func (c *Cluster) Reference(image string) string { return image }

// About implements cluster.Cluster.
func (c *Cluster) About() []string {
	return []string{
		"The node is made of namespaces of this machine. CoreDNS is a process of the node; on a kind cluster it " +
			"runs as pods.",
		"The node has no way out: nothing in it reaches anything but itself.",
	}
}
