// Package environment has the ports through which a run acts on its cluster and learns of it. The engine in package
// harness owns them. Package live implements them on Kubernetes with Istio, and tests of the engine do in memory.
package environment

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/harness/fleet"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// The names that the manifests of every scenario share.
const (
	// Service is the host that callers ask for, and the value of the label app of its pods.
	Service = "my-service"
	// Port is the Service's port, and AdminPort the one of its pods that takes faults and tells counters.
	Port      = 80
	AdminPort = 8081
	// WorkloadLabel is the label of pods of the app that stand in for somebody's workload. Its value is the version
	// with which they answer.
	WorkloadLabel = "canarylab.io/workload"
)

// An Environment is what a run works on.
type Environment struct {
	Objects   Objects
	Proxies   Proxies
	Apps      Apps
	Callers   Callers
	Observers Observers
	Metrics   Metrics
	// Fleet is nil where no proxies are simulated.
	Fleet Fleet
	// Processors is nil where nobody can tell who uses them.
	Processors Processors
	// Provide brings an image to the cluster that only some scenarios need. Nil means that the cluster has every image.
	Provide func(ctx context.Context, image string) error
	// WatchWrite returns a context whose first write to the API server is watched, and what tells, once it was
	// answered, the moment before which it cannot have been accepted: zero where there was no write. Nil means that
	// nobody can tell.
	WatchWrite func(ctx context.Context) (watched context.Context, acceptedAfter func() time.Time)
	// Istiod is nil where the cluster is borrowed.
	Istiod Istiod
	// Adapts tells that objects are changed on their way to the cluster.
	Adapts bool
}

// An Object is one of Kubernetes' objects, of any kind.
type Object = *unstructured.Unstructured

// Objects are what lies in the Kubernetes API.
type Objects interface {
	// Owner returns the value of a namespace's label mesh.ManagedBy, and whether there is such a namespace.
	Owner(ctx context.Context, ns string) (owner string, found bool, err error)
	// Apply and Delete return when the API server accepted the last write. They leave the objects as they are.
	Apply(ctx context.Context, objects []Object) error
	Delete(ctx context.Context, objects []Object) error
	// Scale sets a deployment's number of replicas.
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

// Proxies are all of a namespace: those of the callers, which route, those of the apps, and a gateway's.
type Proxies interface {
	// Await waits until each proxy of ns has what the objects of ns call for. It tells synced when each applied that.
	// The error is a Rejection where a proxy rejected the configuration.
	Await(ctx context.Context, ns string, synced func(Synced)) error
	// Endpoints returns, by proxy, the hosts that each caller's proxy has in its cluster for a subset of a Service of
	// ns, or for the whole Service where the subset is empty. A proxy without such a cluster is left out.
	Endpoints(ctx context.Context, ns, service, subset string) (map[string]Hosts, error)
	// Version returns Envoy's version.
	Version(ctx context.Context, ns string) (string, error)
	// Analyze returns what istioctl analyze finds in ns. AnalyzeFiles returns what it finds in objects without
	// a cluster.
	Analyze(ctx context.Context, ns string) ([]Finding, error)
	AnalyzeFiles(ctx context.Context, ns string, objects []Object) ([]Finding, error)
}

// Synced says that a proxy has the configuration that was asked for (SYNCED in istioctl proxy-status), and since when.
type Synced struct {
	Proxy string
	At    time.Time
	// Exact tells that the proxy itself named At. Otherwise the proxy was seen to be synced then, and may have
	// been before.
	Exact bool
}

// A Rejection is the error of a proxy that rejected a configuration (a NACK).
type Rejection struct{ Proxy, Reason string }

// Error implements error.
func (r Rejection) Error() string { return fmt.Sprintf("proxy %s rejected it: %s", r.Proxy, r.Reason) }

// Hosts counts the hosts of an Envoy cluster.
type Hosts struct {
	// All counts every host, Ejected those that outlier detection has taken out for a time.
	All, Ejected int
	// Connections counts those that are open to all of them.
	Connections int
}

// A Finding is one message of istioctl analyze.
type Finding struct {
	// Code is such as IST0173.
	Code string
	// Text names the object and says what is wrong with it.
	Text string
}

// Processors are those of the machine that canarylab runs on.
type Processors interface {
	// Used returns who used them since it was called last, and nothing that can be relied on at first. It is for one
	// goroutine at a time.
	Used() (trace.Processor, error)
}

// Fleet are the simulated proxies of a namespace's pods (package fleet).
type Fleet interface {
	// Status returns how they stand, all pods together.
	Status(ctx context.Context, ns string) (fleet.Status, error)
	// Receipts returns what they were given since some moment: for each proxy in its order, on this process's clock as
	// far as that is known. clocks is how far it may be wrong about a pod's clock. A later call takes no earlier
	// moment.
	Receipts(ctx context.Context, ns string, since time.Time) (all []fleet.Receipt, clocks time.Duration, err error)
	// Resize has n proxies simulated from now on, shared among the pods. New ones connect by and by.
	Resize(ctx context.Context, ns string, n int) error
}

// Metrics is the Prometheus of a namespace.
type Metrics interface {
	// Query asks for one number as of now. found is false where Prometheus has none, or one that is no number.
	Query(ctx context.Context, ns, query string) (value float64, found bool, err error)
	// LastScrape returns when the newest sample of some series was taken, zero where there is none.
	LastScrape(ctx context.Context, ns, selector string) (time.Time, error)
}

// Istiod is Istio's control plane.
type Istiod interface {
	// Stop takes istiod away and returns when it is gone. Start brings it back and returns when it works. Both
	// do nothing where that is so already. Stopped tells whether Stop was called and Start was not, also by a
	// process that is gone.
	Stop(ctx context.Context) error
	Start(ctx context.Context) error
	Stopped(ctx context.Context) (bool, error)
}

// Apps are the pods of the sample app.
type Apps interface {
	// Counters reads the counters of every ready pod.
	Counters(ctx context.Context, ns string) ([]sampleapp.Counters, error)
	// Inject sets the faults of the first n pods of a version by name, of all where n is 0. It returns when
	// each pod has said that the faults are in force.
	Inject(ctx context.Context, ns, version string, n int, f sampleapp.Faults) error
	// CountPods counts the pods of a version.
	CountPods(ctx context.Context, ns, version string) (PodCount, error)
}

// A PodCount counts pods: all that there are, those that are ready, and those of the ready ones that have a sidecar.
type PodCount struct{ All, Ready, Sidecars int }

// Callers send the load.
type Callers interface {
	// Attack sends by plan, each cohort from the pods of its entry, and follows the orders. It returns when every
	// answer was reported, with what each pod's agent said at its end. All times are on this process's clock,
	// as far as the Begin's Clock knows. Once ctx ends it lets go at once. The functions of h have to be safe
	// for concurrent use.
	Attack(ctx context.Context, ns string, plan loadgen.Plan, orders loadgen.Orders, h loadgen.Handler) (
		[]*loadgen.End, error)
}

// Observers tell what happens in a namespace while it happens. Each goes on until ctx ends, which is no error.
type Observers interface {
	// AccessLog hands over what the proxies of ns log.
	AccessLog(ctx context.Context, ns string, sink LogSink) error
	// Pods tells of every pod of ns, and of all that becomes of it.
	Pods(ctx context.Context, ns string, sink func(PodEvent)) error
	// ControlPlane hands over what istiod did about objects of ns, as events without a phase: that it noticed a change,
	// pushed it, had it rejected, or was in trouble itself.
	ControlPlane(ctx context.Context, ns string, sink func(trace.Event)) error
}

// A LogSink takes what a collector of access logs has to tell. Its functions are called one at a time.
type LogSink struct {
	Entries func([]trace.LogEntry)
	// Cut takes the end of a proxy's stream: the moment, and why it ended where that is known.
	Cut func(proxy string, at time.Time, why string)
	// Trouble takes anything else that may have cost entries.
	Trouble func(text string)
}

// A PodEvent is what was seen of a pod.
type PodEvent struct {
	// Pod has no Instances. Its Name may be all that is known of a pod that is Gone.
	Pod trace.Pod
	// Leaving tells that the pod was told to end, Gone that it has.
	Leaving, Gone bool
	// LastWords are the counters that an app's container left when it ended.
	LastWords []sampleapp.Counters
	// Trouble says what happened to the pod that no step calls for, such as a restart.
	Trouble string
}
