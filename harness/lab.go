package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// A lab is what a run works on. On a cluster it is made by newLab; tests of the engine make their own.
type lab struct {
	Objects   objects
	Proxies   proxies
	Apps      apps
	Callers   callers
	Witnesses witnesses
	Metrics   metricStore
	// Provide brings an image to the cluster that not every scenario needs.
	Provide func(ctx context.Context, image string) error
	// Istiod is nil where the Istio is somebody else's.
	Istiod istiod
	// Adapts tells that objects are changed on their way to the cluster.
	Adapts bool
}

// objects are what lies in the Kubernetes API.
type objects interface {
	// Owner returns the value of a namespace's label ManagedBy, and whether there is such a namespace.
	Owner(ctx context.Context, ns string) (owner string, found bool, err error)
	// Apply and Delete take YAML. They return when the last write was accepted.
	Apply(ctx context.Context, manifests []byte) error
	Delete(ctx context.Context, manifests []byte) error
	Scale(ctx context.Context, ns, deployment string, replicas int32) error
	// Undo gives a deployment the pod template that it had before.
	Undo(ctx context.Context, ns, deployment string) error
	// Restart gives a deployment new pods.
	Restart(ctx context.Context, ns, deployment string) error
	// Ready waits until every deployment of ns has all its pods, ready.
	Ready(ctx context.Context, ns string) error
	// Remove deletes a namespace and waits until it is gone.
	Remove(ctx context.Context, ns string) error
}

// proxies are all of ns: the callers', which route, the apps', and a gateway's.
type proxies interface {
	// Await waits until each of them holds what the objects of ns call for, and tells held when it took that over. The error
	// is a refusal where a proxy would not take it.
	Await(ctx context.Context, ns string, held func(holding)) error
	// Endpoints returns what each caller's proxy has in its cluster for a subset of Service, by proxy. A proxy without such a
	// cluster is left out.
	Endpoints(ctx context.Context, ns, subset string) (map[string]hosts, error)
	// Version is Envoy's.
	Version(ctx context.Context, ns string) (string, error)
	// Analyze returns what istioctl analyze has to say of ns, AnalyzeFiles what it has to say of manifests without a cluster.
	Analyze(ctx context.Context, ns string) ([]finding, error)
	AnalyzeFiles(ctx context.Context, ns string, manifests []byte) ([]finding, error)
}

// A holding is when a proxy came to hold what was asked for.
type holding struct {
	Proxy string
	At    time.Time
	// Exact tells that At is the proxy's own word. Otherwise the proxy was seen to hold it then, and may have before.
	Exact bool
}

// A refusal is a proxy's that would not take a configuration (a NACK).
type refusal struct{ Proxy, Reason string }

func (r refusal) Error() string { return fmt.Sprintf("proxy %s refused it: %s", r.Proxy, r.Reason) }

// hosts are those of an Envoy cluster.
type hosts struct {
	// All is how many there are, Ejected how many of them outlier detection has taken out for a time.
	All, Ejected int
}

// A finding is one message of istioctl analyze.
type finding struct {
	// Code is such as IST0173.
	Code string
	// Text says on which object and what.
	Text string
}

// metricStore is the Prometheus of a namespace.
type metricStore interface {
	// Query asks for one number as of now. It is not found where Prometheus has none, or one that is no number.
	Query(ctx context.Context, ns, query string) (value float64, found bool, err error)
	// LastScrape is when the newest sample of some series was taken, zero where there is none.
	LastScrape(ctx context.Context, ns, selector string) (time.Time, error)
}

// istiod is Istio's control plane.
type istiod interface {
	// Stop takes it away and returns when it is gone, Start brings it back and returns when it works. Both do nothing where that
	// is so already. Stopped tells whether Stop was called and Start was not, also by a process that is gone.
	Stop(ctx context.Context) error
	Start(ctx context.Context) error
	Stopped(ctx context.Context) (bool, error)
}

// apps are the pods of the sample app.
type apps interface {
	// Counters reads the counters of every ready pod.
	Counters(ctx context.Context, ns string) ([]sampleapp.Counters, error)
	// Inject sets the faults of the first n pods of a version, 0 for all, and returns when each has said that they are in force.
	Inject(ctx context.Context, ns, version string, n int, f sampleapp.Faults) error
	// CountPods counts the pods of a version.
	CountPods(ctx context.Context, ns, version string) (podCount, error)
}

// A podCount counts pods: all that there are, those that are ready, and those of the ready ones that have a sidecar.
type podCount struct{ All, Ready, Sidecars int }

// callers are who sends the load.
type callers interface {
	// Attack sends by plan from the pods of an entry until stop is closed, and returns when every answer was reported, with what each
	// pod said at its end. All times are on this process's clock, as far as the Begin's Clock knows. Once ctx ends it lets go at
	// once. The functions of h have to be safe for concurrent use.
	Attack(ctx context.Context, ns string, entry loadgen.Entry, plan loadgen.Plan, stop <-chan struct{}, h loadgen.Handler) ([]*loadgen.End, error)
}

// witnesses tell what happens in a namespace while it happens. Each goes on until ctx ends, which is no error.
type witnesses interface {
	// AccessLog hands over what the proxies of ns log.
	AccessLog(ctx context.Context, ns string, sink logSink) error
	// Pods tells of every pod of ns, and of all that becomes of it.
	Pods(ctx context.Context, ns string, sink func(podNews)) error
	// ControlPlane hands over what istiod did about objects of ns: Noticed, Pushed, Refused and Trouble, without a phase.
	ControlPlane(ctx context.Context, ns string, sink func(trace.Event)) error
}

// A logSink takes what a collector of access logs has to tell. Its functions are called one at a time.
type logSink struct {
	Entries func([]trace.LogEntry)
	// Cut is a proxy's stream that ended at a moment, and why, if that is known.
	Cut func(proxy string, at time.Time, why string)
	// Trouble is anything else that may have cost entries.
	Trouble func(text string)
}
