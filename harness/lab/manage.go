package lab

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apilabels "k8s.io/apimachinery/pkg/labels"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/embedded"
	"github.com/canarylab/canarylab/harness/cluster/existing"
	"github.com/canarylab/canarylab/harness/cluster/kind"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// managed are the providers that o may mean, for commands that make nothing: they need no source tree and no tools.
func (o Options) managed() ([]cluster.Provider, Options, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, o, err
	}
	switch o.Cluster {
	case "", "auto":
		return []cluster.Provider{o.embedded(nil), o.kind(nil)}, o, nil
	case embedded.Name:
		return []cluster.Provider{o.embedded(nil)}, o, nil
	case kind.Name:
		return []cluster.Provider{o.kind(nil)}, o, nil
	case existing.Name:
		return []cluster.Provider{o.existing()}, o, nil
	}
	return nil, o, o.unknown()
}

// Down removes a cluster; with keepState what the next Open can continue from stays. One that does not exist is no error. Of a cluster
// that was there before the lab, it removes what the lab made.
func Down(ctx context.Context, o Options, keepState bool) error {
	providers, o, err := o.managed()
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range providers {
		if len(providers) > 1 {
			// Only the provider that has it can say what is wrong with a wish.
			if has, err := exists(ctx, p, o.Name); err == nil && !has {
				continue
			}
		}
		if p.Name() == existing.Name {
			if err := uninstall(ctx, p); err != nil {
				return err
			}
		}
		if err := p.Down(ctx, o.Name, keepState); err != nil {
			errs = append(errs, fmt.Errorf("remove %s cluster %q: %w", p.Name(), o.Name, err))
		}
	}
	return errors.Join(errs...)
}

// uninstall removes an Istio that the lab installed, as far as it is not in namespaces.
func uninstall(ctx context.Context, p cluster.Provider) error {
	c, err := p.Open(ctx, "")
	if err != nil {
		return err
	}
	k, err := kube.New(c.Config())
	if err != nil {
		return err
	}
	all := existing.Labels()
	labels, found, err := k.Labels(ctx, kube.Ref{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Namespace"), Name: mesh.LabNamespace})
	if err != nil || !found || !apilabels.SelectorFromSet(all).Matches(apilabels.Set(labels)) {
		return err // every Istio of the lab's comes with that namespace
	}
	return mesh.Uninstall(ctx, k, all)
}

func exists(ctx context.Context, p cluster.Provider, name string) (bool, error) {
	infos, err := p.List(ctx)
	for _, i := range infos {
		if i.Name == name {
			return true, err
		}
	}
	return false, err
}

// List returns every cluster on this machine.
func List(ctx context.Context, o Options) ([]cluster.Info, error) {
	providers, _, err := o.managed()
	if err != nil {
		return nil, err
	}
	var all []cluster.Info
	for _, p := range providers {
		infos, err := p.List(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, infos...)
	}
	return all, nil
}

// running opens the cluster that o means. The error wraps cluster.ErrNotFound where none runs.
func (o Options) running(ctx context.Context) (cluster.Cluster, error) {
	providers, o, err := o.managed()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, p := range providers {
		c, err := p.Open(ctx, o.Name)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("%w: canarylab up starts it", errors.Join(errs...))
}

// Kubeconfig is the path of a running cluster's kubeconfig. The error wraps cluster.ErrNotFound where none runs.
func Kubeconfig(ctx context.Context, o Options) (string, error) {
	c, err := o.running(ctx)
	if err != nil {
		return "", err
	}
	return c.Kubeconfig(), nil
}

// NodeImage builds the node image that kind uses where its own can't be had, and returns its reference.
func NodeImage(ctx context.Context, o Options) (string, error) {
	o.Cluster = kind.Name
	o, err := o.withDefaults()
	if err != nil {
		return "", err
	}
	chosen, err := o.choose(ctx)
	if err != nil {
		return "", err
	}
	ref, err := chosen.provider.(*kind.Provider).BuildNodeImage(ctx, o.Progress)
	return ref, unbuilt(err)
}
