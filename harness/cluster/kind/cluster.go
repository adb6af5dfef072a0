package kind

import (
	"context"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/images"
	"github.com/canarylab/canarylab/harness/kube"
)

// A Cluster is a running kind cluster of one node.
type Cluster struct {
	cluster.Own
	provider *Provider
	meta     meta
}

var (
	_ cluster.Cluster = (*Cluster)(nil)
	_ cluster.Logger  = (*Cluster)(nil)
)

// About implements cluster.Cluster.
func (c *Cluster) About() []string {
	about := []string{
		fmt.Sprintf("The node is a %s container of %s: %s.", c.meta.Engine, c.meta.NodeImage, c.meta.Why),
		"CoreDNS runs as pods; on an embedded cluster it is a process of the node.",
	}
	if !c.meta.Own {
		about = append(about, "Pods are connected by kind's own network plugin, and can reach what the container can.")
	}
	return about
}

// Ready implements cluster.Cluster: the node takes pods, and names can be looked up.
func (c *Cluster) Ready(ctx context.Context) error {
	k, err := kube.New(c.Config())
	if err != nil {
		return err
	}
	if err := k.WaitNodes(ctx, time.Time{}); err != nil {
		return fmt.Errorf("%w; canarylab logs has the node's logs", err)
	}
	return k.WaitWorkloads(ctx, "kube-system")
}

// LoadImages implements cluster.Cluster. Images that the node has already are not loaded again.
func (c *Cluster) LoadImages(ctx context.Context, set map[string]v1.Image) error {
	loaded, err := images.Load(set, &c.meta.Images, func(missing map[string]v1.Image) error {
		node, err := c.node()
		if err != nil {
			return err
		}
		archive, err := images.Archive(ctx, missing)
		if err != nil {
			return err
		}
		defer archive.Close()
		err = nodeutils.LoadImageArchive(node, archive)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("import images into the node: %w%s", err, output(err))
		}
		return nil
	})
	if err != nil || !loaded {
		return err
	}
	return c.provider.writeMeta(c.Name(), c.meta)
}

func (c *Cluster) node() (nodes.Node, error) {
	all, err := c.meta.Engine.provider(&logger{}).ListInternalNodes(prefix + c.Name())
	if err != nil {
		return nil, fmt.Errorf("find the node of cluster %q: %w", c.Name(), err)
	}
	if len(all) != 1 {
		return nil, fmt.Errorf("cluster %q has %d nodes, want 1", c.Name(), len(all))
	}
	return all[0], nil
}

// Logs implements cluster.Logger: what kind exports.
func (c *Cluster) Logs(ctx context.Context, dir string) error {
	return c.provider.Logs(ctx, c.Name(), dir)
}
