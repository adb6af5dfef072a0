// Package live implements the ports of package environment on a Kubernetes cluster with Istio.
package live

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
)

// A Cluster is where a scenario is played: Kubernetes with Istio, and the lab's images on its nodes.
type Cluster struct {
	Kube *kube.Client
	// Mesh is the Istio that is there; zero means the lab's own.
	Mesh mesh.Installed
	// Reference returns the reference under which the cluster has one of the lab's images, such as
	// "canarylab/loadgen:dev". Nil means that it has each image under its own name.
	Reference func(image string) string
	// Provide brings an image of the lab's to the cluster that only some scenarios need, and is quick where it
	// is there. Nil means that the cluster has them all.
	Provide func(ctx context.Context, image string) error
	// Namespaces are those of the scenario that is played, the callers' first, where it has several. Gateway is that of
	// its ingress gateway, where it is another than the callers'. A port that is asked for the callers' looks at all.
	Namespaces []string
	Gateway    string
	// AllowRealTime lets programs of a container have the real-time class for a share of each processor's second, until
	// takeBack is called. Nil means that it takes no permission of the cluster's.
	AllowRealTime func(pod *corev1.Pod, container string, share time.Duration) (takeBack func(), err error)
	// Volume returns the folder on this machine that is an emptyDir volume of a pod. Nil means that nodes are
	// elsewhere, and that all goes by the API server.
	Volume func(uid types.UID, volume string) string
	// Labels are put on the namespaces that are made. A cluster with any is borrowed: its istiod is left alone.
	Labels map[string]string
	// Made tells that the namespaces were made by somebody else, for scenarios: they are left as they are, and what was
	// applied in them is taken away one by one.
	Made bool
	// Lost is an error once the namespaces are somebody else's: nothing is removed there any more. Nil means that they
	// can't be.
	Lost func() error
}

// New returns the ports of c. disconnect ends the connections that they keep.
func New(c Cluster) (env environment.Environment, disconnect func()) {
	if c.Mesh.Namespace == "" {
		c.Mesh = mesh.Own
	}
	apps := &apps{k: c.Kube, all: c.namespaces, admin: map[string]*http.Client{}}
	proxies := &proxies{
		k: c.Kube, mesh: c.Mesh, all: c.namespaces, gateway: c.gateway, watchers: map[string]*mesh.Watcher{},
		analyze: c.analyze,
	}
	fleet := &simulated{k: c.Kube, parts: map[types.UID]*fleetPart{}}
	env = environment.Environment{
		Fleet:   fleet,
		Objects: objects{c}, Proxies: proxies, Apps: apps,
		Callers:   callers{c.Kube, c.Gateway, c.AllowRealTime, c.namespaces, c.Volume},
		Observers: observers{c.Kube, c.Mesh, c.namespaces, c.Volume}, Metrics: prometheus{c.Kube}, Provide: c.Provide,
		Adapts: c.adapts(), WatchWrite: c.Kube.WatchWrite, Processors: &processors{},
	}
	if !c.borrowed() {
		env.Istiod = istiod{c.Kube, c.Mesh}
	}
	return env, func() {
		apps.close()
		fleet.close()
		proxies.close()
	}
}

// analyze is `istioctl analyze` of a namespace: with the whole cluster in view where that is the lab's own.
func (c Cluster) analyze(ctx context.Context, ns string) ([]environment.Finding, error) {
	of := mesh.Analyze
	if c.borrowed() {
		of = mesh.AnalyzeNamespace
	}
	messages, err := of(ctx, c.Kube, c.Mesh, ns)
	return findings(messages), err
}

// namespaces returns those that belong to the callers' namespace.
func (c Cluster) namespaces(ns string) []string {
	if len(c.Namespaces) > 0 && c.Namespaces[0] == ns {
		return c.Namespaces
	}
	return []string{ns}
}

// gateway returns the namespace of the gateway that belongs to the callers' namespace.
func (c Cluster) gateway(ns string) string {
	if len(c.Namespaces) > 0 && c.Namespaces[0] == ns && c.Gateway != "" {
		return c.Gateway
	}
	return ns
}

// addonHTTP returns a client of one of package addons' pods: at its socket, where the pod has one on this machine, and
// else of a port.
func addonHTTP(
	ctx context.Context, k *kube.Client, volume func(types.UID, string) string, ns, app string, port int,
) (*http.Client, error) {
	pods, err := k.Pods(ctx, ns, "app="+app)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, fmt.Errorf("no pod %s in namespace %s is ready", app, ns)
	}
	if volume == nil {
		return k.PodHTTP(ns, pods[0].Name, port), nil
	}
	folder := volume(pods[0].UID, addons.Volume)
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialSocket(ctx, folder, addons.ReaderSocket)
		},
		DisableCompression: true,
	}}, nil
}
