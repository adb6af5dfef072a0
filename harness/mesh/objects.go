package mesh

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/config/kube/crdclient"
	"istio.io/istio/pkg/config"
	meshdefaults "istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/schema/gvk"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/canarylab/canarylab/harness/kube"
)

// objects has what istiod makes a proxy's configuration from, as far as it concerns the lab.
type objects struct {
	mesh     *meshconfig.MeshConfig
	services []corev1.Service
	pods     []corev1.Pod
	// configs are VirtualServices, DestinationRules, Gateways, Sidecars and policies.
	configs []config.Config
}

// A lister reads lists concurrently.
type lister struct {
	*errgroup.Group
	mu sync.Mutex
}

// list calls read concurrently, and then add, one call at a time.
func (l *lister) list(what string, read func() (add func(), err error)) {
	l.Go(func() error {
		add, err := read()
		if err != nil {
			return fmt.Errorf("list %s: %w", what, err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		add()
		return nil
	})
}

// policies lists the kinds that istiod also takes from the root namespace: the EnvoyFilters,
// PeerAuthentications and AuthorizationPolicies of ns. It leaves out RequestAuthentications,
// because istiod fetches what they need from elsewhere.
func (l *lister) policies(ctx context.Context, k *kube.Client, ns string, into *[]config.Config) {
	all := metav1.ListOptions{}
	security := k.Istio().SecurityV1()
	l.list("envoy filters of "+ns, func() (func(), error) {
		found, err := k.Istio().NetworkingV1alpha3().EnvoyFilters(ns).List(ctx, all)
		return func() { *into = translate(*into, found.Items, gvk.EnvoyFilter) }, err
	})
	l.list("peer authentications of "+ns, func() (func(), error) {
		found, err := security.PeerAuthentications(ns).List(ctx, all)
		return func() { *into = translate(*into, found.Items, gvk.PeerAuthentication) }, err
	})
	l.list("authorization policies of "+ns, func() (func(), error) {
		found, err := security.AuthorizationPolicies(ns).List(ctx, all)
		return func() { *into = translate(*into, found.Items, gvk.AuthorizationPolicy) }, err
	})
}

// loadPolicies reads the policies of one namespace.
func loadPolicies(ctx context.Context, k *kube.Client, ns string) ([]config.Config, error) {
	var configs []config.Config
	g, ctx := errgroup.WithContext(ctx)
	l := lister{Group: g}
	l.policies(ctx, k, ns, &configs)
	return configs, g.Wait()
}

// load reads the objects of a namespace and the mesh configuration, concurrently.
func load(ctx context.Context, k *kube.Client, m Installed, ns string) (objects, error) {
	silenceIstio()
	var o objects
	g, ctx := errgroup.WithContext(ctx)
	l := lister{Group: g}
	all := metav1.ListOptions{}
	core, net := k.Kubernetes().CoreV1(), k.Istio().NetworkingV1()
	l.list("the mesh configuration", func() (func(), error) {
		c, err := loadMesh(ctx, k, m)
		return func() { o.mesh = c }, err
	})
	l.list("services of "+ns, func() (func(), error) {
		found, err := core.Services(ns).List(ctx, all)
		return func() { o.services = found.Items }, err
	})
	l.list("pods of "+ns, func() (func(), error) {
		found, err := core.Pods(ns).List(ctx, all)
		return func() { o.pods = found.Items }, err
	})
	l.list("virtual services of "+ns, func() (func(), error) {
		found, err := net.VirtualServices(ns).List(ctx, all)
		return func() { o.configs = translate(o.configs, found.Items, gvk.VirtualService) }, err
	})
	l.list("destination rules of "+ns, func() (func(), error) {
		found, err := net.DestinationRules(ns).List(ctx, all)
		return func() { o.configs = translate(o.configs, found.Items, gvk.DestinationRule) }, err
	})
	l.list("gateways of "+ns, func() (func(), error) {
		found, err := net.Gateways(ns).List(ctx, all)
		return func() { o.configs = translate(o.configs, found.Items, gvk.Gateway) }, err
	})
	l.list("sidecars of "+ns, func() (func(), error) {
		found, err := net.Sidecars(ns).List(ctx, all)
		return func() { o.configs = translate(o.configs, found.Items, gvk.Sidecar) }, err
	})
	l.policies(ctx, k, ns, &o.configs)
	return o, g.Wait()
}

func translate[T runtime.Object](configs []config.Config, items []T, kind config.GroupVersionKind) []config.Config {
	for _, item := range items {
		configs = append(configs, crdclient.TranslateObject(item, kind, domain))
	}
	return configs
}

// loadMesh reads the mesh configuration from where istiod reads it.
func loadMesh(ctx context.Context, k *kube.Client, m Installed) (*meshconfig.MeshConfig, error) {
	got, err := k.Kubernetes().CoreV1().ConfigMaps(m.Namespace).Get(ctx, m.configMap(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		// istiod does the same. Istio's chart names the ConfigMap istio-default for a revision of
		// that name, and istiod does not look there.
		return meshdefaults.ApplyMeshConfigDefaults("")
	}
	if err != nil {
		return nil, err
	}
	return meshdefaults.ApplyMeshConfigDefaults(got.Data["mesh"])
}
