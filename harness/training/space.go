package training

import (
	"context"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
)

// A Space is the namespace that a mission is played in, with what a mission needs of it beside what the engine does.
type Space interface {
	// Watch tells of each write of an object of ns, until ctx ends, which is no error. It leaves out what Kubernetes,
	// Istio and the lab write.
	Watch(ctx context.Context, ns string, sink func(Write)) error
	// Restore makes the objects of ns those of want: it deletes what was added, and writes again what was changed or
	// deleted. It does so with the objects of keep too, but leaves their deployments alone.
	Restore(ctx context.Context, ns string, want, keep []environment.Object) error
	// Analyze returns what istioctl analyze finds in ns.
	Analyze(ctx context.Context, ns string) ([]environment.Finding, error)
	// Troubles says in a sentence each what of the lab itself is gone: the namespace, those who send the load, istiod. If
	// the cluster is lost, no mission can be played in it any more.
	Troubles(ctx context.Context, ns string) (all []string, lost bool)
}

// A Write is one of an object by somebody else than the lab.
type Write struct {
	// At is when it was seen, a few milliseconds after it was accepted.
	At time.Time `json:"at"`
	// Verb is created, changed or deleted.
	Verb string `json:"verb"`
	// Object is such as VirtualService/my-service.
	Object string `json:"object"`
	// By names the program that wrote, such as kubectl-edit, where the object says so.
	By string `json:"by,omitempty"`
	// What lists what changed, such as "spec.subsets[1].labels.version: v2.0 → v2".
	What []string `json:"what,omitempty"`
}

// String is "changed VirtualService/my-service (spec.http[0].route[1].weight: 10 → 0)".
func (w Write) String() string {
	text := w.Verb + " " + w.Object
	const shown = 3
	for i, what := range w.What {
		switch {
		case i == shown:
			return text + ", …)"
		case i == 0:
			text += " (" + what
		default:
			text += ", " + what
		}
	}
	if len(w.What) > 0 {
		text += ")"
	}
	return text
}
