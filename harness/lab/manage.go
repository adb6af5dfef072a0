package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apilabels "k8s.io/apimachinery/pkg/labels"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/harness/progress"
)

// managed are the providers that o may mean, for commands that make nothing: they need no source tree and no tools.
func (o Options) managed() ([]cluster.Provider, Options, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, o, err
	}
	providers, err := o.providers(nil)
	return providers, o, err
}

// A shared provider's clusters are used by several people's labs.
type shared interface {
	// Tenants are all that anybody plays there, or has left.
	Tenants(ctx context.Context) ([]cluster.Tenant, error)
	// Vacate removes what is the user's own, and returns what is left of others.
	Vacate(ctx context.Context) (left []cluster.Tenant, err error)
}

// Tenants returns what anybody plays on the clusters that o means, or has left there, where others use them too.
func Tenants(ctx context.Context, o Options) (all []cluster.Tenant, err error) {
	providers, _, err := o.managed()
	if err != nil {
		return nil, err
	}
	for _, p := range providers {
		if s, ok := p.(shared); ok {
			found, err := s.Tenants(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// Down removes a cluster; with keepState what the next Open can continue from stays. One that does not exist is no
// error. In a borrowed cluster Down removes only what this user's labs made, or with Existing.All anybody's, and an
// Istio of the lab's once nobody has anything there.
func Down(ctx context.Context, o Options, keepState bool) error {
	providers, o, err := o.managed()
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range providers {
		if len(providers) > 1 {
			// Only the provider that has the cluster can say whether keepState is possible.
			if has, err := exists(ctx, p, o.Name); err == nil && !has {
				continue
			}
		}
		if p.Traits().Borrowed {
			if err := leave(ctx, p, keepState); err != nil {
				return err
			}
		}
		if err := p.Down(ctx, o.Name, keepState); err != nil {
			errs = append(errs, fmt.Errorf("remove %s cluster %q: %w", p.Name(), o.Name, err))
		}
	}
	return errors.Join(errs...)
}

// leave removes what is the user's own in a borrowed cluster, and the lab's Istio if that leaves nobody who uses it.
func leave(ctx context.Context, p cluster.Provider, keepState bool) error {
	s, ok := p.(shared)
	if !ok || keepState { // Down refuses it
		return nil
	}
	left, err := s.Vacate(ctx)
	if err != nil || len(left) > 0 || p.Traits().Namespaces != nil {
		return err
	}
	return uninstall(ctx, p)
}

// uninstall removes an Istio that the lab installed into a borrowed cluster, as far as it is not in namespaces.
func uninstall(ctx context.Context, p cluster.Provider) error {
	c, err := p.Open(ctx, "")
	if err != nil {
		return err
	}
	k, err := kube.New(c.Config())
	if err != nil {
		return err
	}
	all := p.Traits().Labels
	namespace := kube.Ref{GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Namespace"), Name: mesh.Namespace}
	labels, found, err := k.Labels(ctx, namespace)
	if err != nil || !found || !apilabels.SelectorFromSet(all).Matches(apilabels.Set(labels)) {
		return err // every Istio of the lab's comes with that namespace, labelled
	}
	return mesh.Uninstall(ctx, k, all)
}

func exists(ctx context.Context, p cluster.Provider, name string) (bool, error) {
	infos, err := p.List(ctx)
	return slices.ContainsFunc(infos, func(i cluster.Info) bool { return i.Name == name }), err
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

// A nodeImageBuilder can build the image that its nodes are made of.
type nodeImageBuilder interface {
	// BuildsNodeImage tells whether Prepare has to build one.
	BuildsNodeImage(ctx context.Context) bool
	// BuildNodeImage builds it, and returns its reference.
	BuildNodeImage(ctx context.Context, steps progress.Progress) (string, error)
}

// NodeImage builds the node image that kind uses where its own can't be had, and returns its reference.
func NodeImage(ctx context.Context, o Options) (string, error) {
	for _, p := range o.all(nil) {
		if _, can := p.(nodeImageBuilder); can {
			o.Cluster = p.Name()
		}
	}
	o, err := o.withDefaults()
	if err != nil {
		return "", err
	}
	chosen, err := o.choose(ctx)
	if err != nil {
		return "", err
	}
	var ref string
	err = have(ctx, func(ctx context.Context) (err error) {
		ref, err = chosen.provider.(nodeImageBuilder).BuildNodeImage(ctx, o.Progress)
		return err
	})
	return ref, err
}
