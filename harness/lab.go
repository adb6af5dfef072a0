package harness

import (
	"context"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/sampleapp"
)

// A lab is what a run works on. On a cluster it is made by newLab; tests of the engine make their own.
type lab struct {
	Objects objects
	Proxies proxies
	Apps    apps
	Callers callers
}

// objects are what lies in the Kubernetes API.
type objects interface {
	// Owner returns the value of a namespace's label ManagedBy, and whether there is such a namespace.
	Owner(ctx context.Context, ns string) (owner string, found bool, err error)
	// Apply and Delete take YAML. They return when the last write was accepted.
	Apply(ctx context.Context, manifests []byte) error
	Delete(ctx context.Context, manifests []byte) error
	Scale(ctx context.Context, ns, deployment string, replicas int32) error
	// Ready waits until every deployment of ns has all its pods, ready.
	Ready(ctx context.Context, ns string) error
	// Remove deletes a namespace and waits until it is gone.
	Remove(ctx context.Context, ns string) error
}

// proxies are the sidecars of the callers of ns: those that route, and that are believed when they say how a request went.
type proxies interface {
	// Await waits until each of them holds what the objects of ns call for, and tells held when it took that over.
	Await(ctx context.Context, ns string, held func(proxy string, at time.Time)) error
	// FollowLog hands over their access log entries of requests from since on, until ctx ends or a log breaks off.
	FollowLog(ctx context.Context, ns string, since time.Time, sink func(reports.LogEntry)) error
	// Endpoints returns how many hosts each proxy has in its cluster for a subset of Service, by proxy. A proxy
	// without such a cluster is left out.
	Endpoints(ctx context.Context, ns, subset string) (map[string]int, error)
	// Version is Envoy's.
	Version(ctx context.Context, ns string) (string, error)
	// Analyze returns what istioctl analyze has to say of ns.
	Analyze(ctx context.Context, ns string) ([]finding, error)
}

// A finding is one message of istioctl analyze.
type finding struct {
	// Code is such as IST0173.
	Code string
	// Text says on which object and what.
	Text string
}

// apps are the pods of the sample app.
type apps interface {
	// Counters reads the counters of a deployment's ready pods; "" stands for all deployments.
	Counters(ctx context.Context, ns, deployment string) ([]sampleapp.Counters, error)
	// Inject sets the faults of every pod of a version, and returns when each has said that they are in force.
	Inject(ctx context.Context, ns, version string, f sampleapp.Faults) error
	// ReadyPods counts a version's pods that are ready.
	ReadyPods(ctx context.Context, ns, version string) (int, error)
}

// callers are who sends the load.
type callers interface {
	// Attack sends by plan until stop is closed, and returns when every answer was reported. Once ctx ends it lets go
	// at once.
	Attack(ctx context.Context, ns string, plan loadgen.Plan, stop <-chan struct{}, h loadgen.Handler) (*loadgen.End, error)
}
