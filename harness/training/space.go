package training

import (
	"context"

	"github.com/canarylab/canarylab/harness/environment"
)

// A Space is the namespace that a mission is played in, with what a mission needs of it beside what the engine does.
type Space interface {
	// Watch tells of each write of an object of ns, until ctx ends, which is no error. It leaves out what Kubernetes,
	// Istio and the lab write.
	Watch(ctx context.Context, ns string, sink func(environment.Write)) error
	// Restore makes the objects of ns those of want: it deletes what was added, and writes again what was changed or
	// deleted. It does so with the objects of keep too, but leaves their deployments alone.
	Restore(ctx context.Context, ns string, want, keep []environment.Object) error
	// Analyze returns what istioctl analyze finds in ns.
	Analyze(ctx context.Context, ns string) ([]environment.Finding, error)
	// Troubles says in a sentence each what of the lab itself is gone: the namespace, those who send the load, istiod.
	// If the cluster is lost, no mission can be played in it any more.
	Troubles(ctx context.Context, ns string) (all []string, lost bool)
}
