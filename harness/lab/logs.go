package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// A retainer keeps nodes that are no cluster: they could not be brought up, and have logs that say why.
type retainer interface {
	// Logs copies the node's logs into dir. The error wraps cluster.ErrNotFound where there is no such node.
	Logs(ctx context.Context, name, dir string) error
}

// Logs copies the logs of a cluster into dir, which it makes: those of the node's programs into node, those of Istio's
// pods and of the scenarios' into pods. What can't be read is in the error; the rest is there all the same.
func Logs(ctx context.Context, o Options, dir string) error {
	c, err := o.running(ctx)
	if errors.Is(err, cluster.ErrNotFound) {
		return o.retainedLogs(ctx, dir, err)
	}
	if err != nil {
		return err
	}
	var errs []error
	if l, can := c.(cluster.Logger); can {
		node := filepath.Join(dir, "node")
		if err := os.MkdirAll(node, 0o755); err != nil {
			return err
		}
		errs = append(errs, l.Logs(ctx, node))
	}
	k, err := kube.New(c.Config())
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	return errors.Join(append(errs, podLogs(ctx, k, filepath.Join(dir, "pods")))...)
}

// retainedLogs copies the logs of a node that was retained. Where there is none, it returns notFound.
func (o Options) retainedLogs(ctx context.Context, dir string, notFound error) error {
	providers, o, err := o.managed()
	if err != nil {
		return err
	}
	for _, p := range providers {
		if r, can := p.(retainer); can {
			if err := r.Logs(ctx, o.Name, filepath.Join(dir, "node")); !errors.Is(err, cluster.ErrNotFound) {
				return err
			}
		}
	}
	return notFound
}

// podLogs writes a file for each container of Istio's namespace and of those that the lab made.
func podLogs(ctx context.Context, k *kube.Client, dir string) error {
	list, err := k.Kubernetes().CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("look for the lab's namespaces: %w", err)
	}
	var errs []error
	for _, ns := range list.Items {
		if ns.Labels[mesh.ManagedBy] != mesh.Manager && ns.Name != mesh.Namespace {
			continue
		}
		pods, err := k.Kubernetes().CoreV1().Pods(ns.Name).List(ctx, metav1.ListOptions{})
		if err != nil {
			errs = append(errs, fmt.Errorf("list the pods of %s: %w", ns.Name, err))
			continue
		}
		for _, pod := range pods.Items {
			for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
				errs = append(errs, podLog(ctx, k, &pod, c.Name, filepath.Join(dir, ns.Name, pod.Name)))
			}
		}
	}
	return errors.Join(errs...)
}

func podLog(ctx context.Context, k *kube.Client, pod *corev1.Pod, container, dir string) error {
	options := &corev1.PodLogOptions{Container: container}
	r, err := k.Kubernetes().CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
	if err != nil {
		return fmt.Errorf("read the log of %s/%s, container %s: %w", pod.Namespace, pod.Name, container, err)
	}
	defer r.Close()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, container+".log"))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
