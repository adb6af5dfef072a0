package embedded

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/kube"
)

// Ready implements cluster.Cluster: the node takes pods.
func (c *Cluster) Ready(ctx context.Context) error {
	client, err := kube.New(c.Config())
	if err != nil {
		return err
	}
	// A node that was stopped keeps its last status until its new kubelet has spoken.
	if err := client.WaitNodes(ctx, c.spokeAfter); err != nil {
		return fmt.Errorf("%w; the node's log is %s", err, c.layout.path("log", "kubelet.log"))
	}
	return nil
}

// Logs implements cluster.Logger: one file for each program of the node.
func (c *Cluster) Logs(_ context.Context, dir string) error {
	if err := os.CopyFS(dir, os.DirFS(c.layout.path("log"))); err != nil {
		return fmt.Errorf("copy the logs of cluster %q: %w", c.Name(), err)
	}
	return nil
}

// Volume is the folder on this machine that is an emptyDir volume of a pod, where kubelet has it
// (k8s.io/kubernetes/pkg/volume/emptydir): the node's state folder is this machine's.
func (c *Cluster) Volume(uid types.UID, volume string) string {
	return c.layout.path("kubelet", "pods", string(uid), "volumes", "kubernetes.io~empty-dir", volume)
}

// A Cluster is a running embedded cluster.
type Cluster struct {
	cluster.Own
	provider *Provider
	layout   layout
	// spokeAfter is set for a cluster that was continued from kept state: heartbeats from before are of the last run.
	spokeAfter time.Time
}

var (
	_ cluster.Cluster = (*Cluster)(nil)
	_ cluster.Logger  = (*Cluster)(nil)
)

// About implements cluster.Cluster.
func (c *Cluster) About() []string {
	return []string{
		"The node is made of namespaces of this machine. CoreDNS is a process of the node; on a kind cluster it " +
			"runs as pods.",
		"The node has no way out: nothing in it reaches anything but itself.",
	}
}
