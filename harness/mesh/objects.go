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
	"k8s.io/apimachinery/pkg/api/meta"
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
	// kube are those of the Gateway API.
	kube []kubeObject
}

// A lister reads lists concurrently, and adds them one at a time.
type lister struct {
	*errgroup.Group
	ctx context.Context
	mu  sync.Mutex
}

func newLister(ctx context.Context) *lister {
	g, ctx := errgroup.WithContext(ctx)
	return &lister{Group: g, ctx: ctx}
}

// list reads a list, and then calls add with it, one call of the lister at a time.
func list[L any](
	l *lister, what string, read func(context.Context, metav1.ListOptions) (L, error), add func(found L),
) {
	l.Go(func() error {
		found, err := read(l.ctx, metav1.ListOptions{})
		if err != nil {
			return fmt.Errorf("list %s: %w", what, err)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		add(found)
		return nil
	})
}

// listConfigs reads a list of Istio's objects, and adds them in the form that istiod reads them in.
func listConfigs[L runtime.Object](
	l *lister, what string, read func(context.Context, metav1.ListOptions) (L, error),
	kind config.GroupVersionKind, into *[]config.Config,
) {
	list(l, what, read, func(found L) {
		// It fails only for what is no list.
		_ = meta.EachListItem(found, func(item runtime.Object) error {
			*into = append(*into, crdclient.TranslateObject(item, kind, domain))
			return nil
		})
	})
}

// policies lists the kinds that istiod also takes from the root namespace: the EnvoyFilters,
// PeerAuthentications and AuthorizationPolicies of ns. It leaves out RequestAuthentications, because istiod
// fetches what they need from elsewhere.
func (l *lister) policies(k *kube.Client, ns string, into *[]config.Config) {
	filters, security := k.Istio().NetworkingV1alpha3().EnvoyFilters(ns), k.Istio().SecurityV1()
	peers, authorization := security.PeerAuthentications(ns), security.AuthorizationPolicies(ns)
	listConfigs(l, "envoy filters of "+ns, filters.List, gvk.EnvoyFilter, into)
	listConfigs(l, "peer authentications of "+ns, peers.List, gvk.PeerAuthentication, into)
	listConfigs(l, "authorization policies of "+ns, authorization.List, gvk.AuthorizationPolicy, into)
}

// loadPolicies reads the policies of one namespace.
func loadPolicies(ctx context.Context, k *kube.Client, ns string) ([]config.Config, error) {
	var configs []config.Config
	l := newLister(ctx)
	l.policies(k, ns, &configs)
	err := l.Wait()
	return configs, err
}

// load reads the objects of some namespaces and the mesh configuration, concurrently. gatewayAPI tells that the cluster
// has that API's kinds.
func load(ctx context.Context, k *kube.Client, m Installed, all namespaces, gatewayAPI bool) (objects, error) {
	silenceIstio()
	var o objects
	l := newLister(ctx)
	core, net := k.Kubernetes().CoreV1(), k.Istio().NetworkingV1()
	readMesh := func(ctx context.Context, _ metav1.ListOptions) (*meshconfig.MeshConfig, error) {
		return loadMesh(ctx, k, m)
	}
	list(l, "the mesh configuration", readMesh, func(c *meshconfig.MeshConfig) { o.mesh = c })
	for _, ns := range all {
		list(l, "services of "+ns, core.Services(ns).List, func(found *corev1.ServiceList) {
			o.services = append(o.services, found.Items...)
		})
		list(l, "pods of "+ns, core.Pods(ns).List, func(found *corev1.PodList) {
			o.pods = append(o.pods, found.Items...)
		})
		listConfigs(l, "virtual services of "+ns, net.VirtualServices(ns).List, gvk.VirtualService, &o.configs)
		listConfigs(l, "destination rules of "+ns, net.DestinationRules(ns).List, gvk.DestinationRule, &o.configs)
		listConfigs(l, "gateways of "+ns, net.Gateways(ns).List, gvk.Gateway, &o.configs)
		listConfigs(l, "sidecars of "+ns, net.Sidecars(ns).List, gvk.Sidecar, &o.configs)
		l.policies(k, ns, &o.configs)
		if gatewayAPI {
			l.gatewayAPI(k, ns, &o.kube)
		}
	}
	err := l.Wait()
	return o, err
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
