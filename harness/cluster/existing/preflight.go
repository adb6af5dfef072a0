package existing

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/images"
)

// ImagesAt tells whether the cluster's nodes can have the images: with a repository, whether that has them
// under the tag (or, where they are pushed first, whether it can be reached at all is found out by pushing);
// without one, whether the nodes have them already.
func (c *Cluster) ImagesAt(ctx context.Context, refs []string) error {
	if c.provider.Access.Repository != "" {
		if c.provider.Access.Tag == "" {
			return nil
		}
		for _, ref := range refs {
			at, err := name.ParseReference(c.Reference(ref))
			if err != nil {
				return fmt.Errorf("--image-repository: %w", err)
			}
			if _, err := remote.Head(at, images.Remote(ctx)...); err != nil {
				return fmt.Errorf("the image %s can't be had: %w; leave --image-tag out, and it is built and pushed",
					at, err)
			}
		}
		return nil
	}
	if len(c.provider.Access.MadeNamespaces()) > 0 {
		return nil // nodes are not this user's to look at: pods that lack their image say so
	}
	nodes, err := c.kube.Kubernetes().CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("look for images on the nodes: %w", err)
	}
	missing := map[string]bool{}
	for _, node := range nodes.Items {
		if closed(&node) || len(node.Status.Images) == 0 {
			continue
		}
		for _, ref := range refs {
			if !has(&node, ref) {
				missing[fmt.Sprintf("%s (node %s)", ref, node.Name)] = true
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("the nodes lack the lab's images: %s; --image-repository says where to push them, and where "+
		"the nodes pull from",
		strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
}

// closed tells whether none of the lab's pods can come to a node: they tolerate nothing.
func closed(node *corev1.Node) bool {
	return node.Spec.Unschedulable || slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool {
		return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
	})
}

// has tells whether a node says that it has an image, under the names that runtimes give to one without a
// registry. Kubelet reports 50 images unless it is told otherwise, so that a full list may not be the whole
// one.
func has(node *corev1.Node, ref string) bool {
	const reported = 50
	for _, image := range node.Status.Images {
		for _, n := range image.Names {
			if n == ref || n == "docker.io/"+ref || n == "localhost/"+ref {
				return true
			}
		}
	}
	return len(node.Status.Images) >= reported
}

// RunsOn is nil if a node that takes the lab's pods has the architecture, such as "amd64", that their images are for.
// It does not know of a user who may not look at nodes: pods ask for the architecture, and say it if they find none.
func (c *Cluster) RunsOn(ctx context.Context, architecture string) error {
	if len(c.provider.Access.MadeNamespaces()) > 0 {
		return nil
	}
	nodes, err := c.kube.Kubernetes().CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("look at the nodes' architecture: %w", err)
	}
	others := map[string]bool{}
	for _, node := range nodes.Items {
		if closed(&node) {
			continue
		}
		// A node that says nothing is asked by its pods.
		is := cmp.Or(node.Labels[corev1.LabelArchStable], node.Status.NodeInfo.Architecture, architecture)
		if is == architecture {
			return nil
		}
		others[is] = true
	}
	if len(others) == 0 {
		return nil // a node may come, and the pods tell what they miss
	}
	return fmt.Errorf("no node that takes pods is of %s (kubernetes.io/arch), which the lab's images are for: they "+
		"are of %s; play from a machine of that architecture, or on a cluster that has such a node", architecture,
		strings.Join(slices.Sorted(maps.Keys(others)), ", "))
}
