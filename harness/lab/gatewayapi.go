package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// A gatewayStore has the definitions of the Gateway API's kinds.
type gatewayStore interface {
	GatewayAPI(ctx context.Context) (string, error)
}

const (
	// noticedWithin bounds how long istiod may take to see new kinds. It takes a second or two, but for one that had
	// them before and lost them: that looks for them less and less often, and is begun anew.
	noticedWithin = 15 * time.Second
	// definition is the name of an HTTPRoute's definition.
	definition = "httproutes.gateway.networking.k8s.io"
)

// ProvideGatewayAPI makes the Gateway API's kinds on the cluster, if it lacks them, and waits until istiod watches
// them. They stay, as Istio's own do. On a borrowed cluster nothing is made that concerns others: the error says
// what to do.
func (l *Lab) ProvideGatewayAPI(ctx context.Context) error {
	ref := kube.Ref{Name: definition, GroupVersionKind: schema.GroupVersionKind{
		Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition",
	}}
	got, err := l.kube.Find(ctx, ref)
	if err != nil {
		return fmt.Errorf("look for the Gateway API: %w", err)
	}
	store, builds := l.store.(gatewayStore)
	switch {
	case got == nil && (l.Borrowed() || !builds):
		return fmt.Errorf("%w: cluster %q lacks the kinds of the Gateway API, which concern everybody who uses it: "+
			"have %s and the others of its standard channel installed", ErrUnavailable, l.cluster.Name(), definition)
	case got == nil:
		if err := l.defineGatewayAPI(ctx, store); err != nil {
			return err
		}
	}
	if l.Borrowed() {
		return nil
	}
	return l.timer.do("istiod watches the Gateway API", func() error { return l.awaitGatewayAPI(ctx) })
}

// defineGatewayAPI applies the definitions of the kinds.
func (l *Lab) defineGatewayAPI(ctx context.Context, store gatewayStore) error {
	dir, err := store.GatewayAPI(ctx)
	if err != nil {
		return fmt.Errorf("get the definitions of the Gateway API: %w", err)
	}
	all, err := mesh.GatewayAPIDefinitions(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	if err := l.kube.ApplyObjects(ctx, all); err != nil {
		return fmt.Errorf("define the Gateway API's kinds: %w", err)
	}
	return nil
}

// awaitGatewayAPI waits until istiod watches the kinds, and begins it anew if that takes too long.
func (l *Lab) awaitGatewayAPI(ctx context.Context) error {
	err := mesh.AwaitGatewayClass(ctx, l.kube, noticedWithin)
	if err == nil || ctx.Err() != nil {
		return err
	}
	if err := l.kube.Restart(ctx, mesh.Namespace, "istiod"); err != nil {
		return fmt.Errorf("begin istiod anew for the Gateway API: %w", err)
	}
	if err := l.kube.WaitWorkloads(ctx, mesh.Namespace); err != nil {
		return err
	}
	return mesh.AwaitGatewayClass(ctx, l.kube, noticedWithin)
}
