package mesh

import (
	"context"
	"sync"
	"time"

	"istio.io/istio/pkg/config"

	"github.com/canarylab/canarylab/harness/kube"
)

// refreshEvery is how often the objects are read again while a proxy differs, because pods may change meanwhile.
const refreshEvery = 250 * time.Millisecond

// A generatorCache keeps a generator for all proxies of a namespace, and makes a new one when its
// objects may have changed.
type generatorCache struct {
	k    *kube.Client
	mesh Installed
	ns   string
	// all are the namespaces whose objects count, ns among them.
	all namespaces
	// gatewayAPI tells that the cluster has that API's kinds.
	gatewayAPI bool
	// root has the policies of the mesh's root namespace, which apply to the whole mesh.
	root []config.Config

	mu        sync.Mutex
	scope     *scope
	kube      kubeConfigs
	generator *generator
	made      time.Time
}

// current returns a generator whose objects were read at most refreshEvery ago, times the namespaces: each of them has
// a cache like this one, which reads all of them, and the API server of a node with two cores can't keep up with a
// square.
func (c *generatorCache) current(ctx context.Context) (*generator, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generator != nil && time.Since(c.made) < refreshEvery*time.Duration(len(c.all)) {
		return c.generator, nil
	}
	o, err := load(ctx, c.k, c.mesh, c.all, c.gatewayAPI)
	if err != nil {
		return nil, err
	}
	c.scope = c.scope.with(o.configs, c.ns)
	o.configs = append(o.configs, c.root...)
	more, err := c.kube.made(ctx, o)
	if err != nil {
		return nil, err
	}
	o.configs = append(o.configs, more...)
	// This takes about 3 ms. Istio's debugging keeps some 25 KB of each for good, which makes no
	// difference at a few a second.
	g, err := newGenerator(ctx, o, c.scope)
	if err != nil {
		return nil, err
	}
	c.generator, c.made = g, time.Now()
	return g, nil
}
