package lab

import (
	"context"
	"fmt"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/cluster/embedded"
)

// existing is the provider for commands that make nothing: they need no source tree and no tools.
func (o Options) existing() (cluster.Provider, Options, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, o, err
	}
	switch o.Cluster {
	case "", "auto", embedded.Name:
		return &embedded.Provider{Home: o.Home}, o, nil
	}
	return nil, o, o.unknown()
}

// Down removes a cluster; with keepState what the next Open can continue from stays. One that does not exist is no error.
func Down(ctx context.Context, o Options, keepState bool) error {
	p, o, err := o.existing()
	if err != nil {
		return err
	}
	if err := p.Down(ctx, o.Name, keepState); err != nil {
		return fmt.Errorf("remove cluster %q: %w", o.Name, err)
	}
	return nil
}

// List returns every cluster on this machine.
func List(ctx context.Context, o Options) ([]cluster.Info, error) {
	p, _, err := o.existing()
	if err != nil {
		return nil, err
	}
	return p.List(ctx)
}

// Kubeconfig is the path of a running cluster's kubeconfig. The error wraps cluster.ErrNotFound where none runs.
func Kubeconfig(ctx context.Context, o Options) (string, error) {
	p, o, err := o.existing()
	if err != nil {
		return "", err
	}
	c, err := p.Open(ctx, o.Name)
	if err != nil {
		return "", fmt.Errorf("%w: canarylab up starts it", err)
	}
	return c.Kubeconfig(), nil
}
