package mesh

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pilot/pkg/config/memory"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	kuberegistry "istio.io/istio/pilot/pkg/serviceregistry/kube"
	memregistry "istio.io/istio/pilot/pkg/serviceregistry/memory"
	"istio.io/istio/pkg/cluster"
	"istio.io/istio/pkg/config/host"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/kube/krt"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/patience"
)

// A generator is istiod's own configuration generator, which is part of this program, on a fixed
// set of objects. So Istio itself says what Envoy gets for anything that a VirtualService or
// DestinationRule can say.
type generator struct {
	objects objects
	push    *model.PushContext
	config  *core.ConfigGeneratorImpl
	scope   *scope
}

// clusterID is Istio's default name for the only cluster.
const clusterID cluster.ID = "Kubernetes"

// indexWithin bounds how long Istio's in-memory store may take to index a few dozen objects, which takes milliseconds.
var indexWithin = patience.Of(10 * time.Second)

// newGenerator makes a generator that compares listeners as far as s goes.
func newGenerator(ctx context.Context, o objects, s *scope) (*generator, error) {
	silenceIstio()
	services := make([]*model.Service, 0, len(o.services))
	for _, s := range o.services {
		services = append(services, kuberegistry.ConvertService(s, nil, domain, clusterID, o.mesh.GetTrustDomain()))
	}
	registry := memregistry.NewServiceDiscovery(services...)
	registry.ClusterID = clusterID
	// The API server and its webhook have validated the objects.
	store := memory.NewController(memory.MakeSkipValidation(collections.PilotGatewayAPI()))
	for _, c := range o.configs {
		if _, err := store.Create(c); err != nil {
			return nil, fmt.Errorf("store %s %s/%s: %w", c.GroupVersionKind.Kind, c.Namespace, c.Name, err)
		}
	}
	watcher := meshwatcher.ConfigAdapter(krt.NewStatic(&meshwatcher.MeshConfigResource{MeshConfig: o.mesh}, true))
	virtualServices := model.NewVirtualServiceController(store, model.VSControllerOptions{}, watcher)
	stop := make(chan struct{})
	defer close(stop)
	go store.Run(stop)
	go virtualServices.Run(stop)
	ctx, cancel := context.WithTimeout(ctx, indexWithin)
	defer cancel()
	err := wait.PollUntilContextCancel(ctx, time.Millisecond, true, func(context.Context) (bool, error) {
		return store.HasSynced() && virtualServices.HasSynced(), nil
	})
	if err != nil {
		return nil, fmt.Errorf("index %d Istio objects: %w", len(o.configs), err)
	}

	env := model.NewEnvironment()
	env.Watcher = watcher
	env.NetworksWatcher = meshwatcher.NetworksAdapter(krt.NewStatic(&meshwatcher.MeshNetworksResource{}, true))
	env.ServiceDiscovery = registry
	env.ConfigStore = store
	env.VirtualServiceController = virtualServices
	env.Init()
	if err := env.InitNetworksManager(model.NewEndpointIndexUpdater(env.EndpointIndex)); err != nil {
		return nil, fmt.Errorf("start Istio's generator: %w", err)
	}
	push := env.PushContext()
	push.InitContext(env, nil, nil)
	return &generator{objects: o, push: push, config: core.NewConfigGenerator(&model.DisabledCache{}), scope: s}, nil
}

// expect says what p should have for the hosts of some namespaces.
func (g *generator) expect(p Proxy, ns namespaces) (expectation, error) {
	i := slices.IndexFunc(g.objects.pods, func(pod corev1.Pod) bool {
		return pod.Namespace == p.Namespace && pod.Name == p.Pod
	})
	if i < 0 {
		return expectation{}, fmt.Errorf("pod %s is gone", p)
	}
	node := g.node(&g.objects.pods[i])
	e := expectation{state: newState(), routeConfigs: g.routeConfigs(node, ns)}
	err := g.expectRoutes(node, ns, &e)
	if err == nil {
		err = g.expectClusters(node, ns, &e)
	}
	if err == nil {
		err = g.expectListeners(node, &e)
	}
	return e, err
}

func (g *generator) expectRoutes(node *model.Proxy, ns namespaces, e *expectation) error {
	resources, _ := g.config.BuildHTTPRoutes(node, &model.PushRequest{Push: g.push}, e.routeConfigs)
	for _, r := range resources {
		var rc routev3.RouteConfiguration
		if err := r.GetResource().UnmarshalTo(&rc); err != nil {
			return fmt.Errorf("read route configuration %s: %w", r.GetName(), err)
		}
		for _, vh := range rc.GetVirtualHosts() {
			// A gateway serves hosts of any name. A sidecar also has the hosts of other namespaces.
			if node.Type == model.SidecarProxy && !ns.haveVirtualHost(vh.GetName()) {
				continue
			}
			routes := []string{}
			for _, route := range vh.GetRoutes() {
				text, err := canonicalProto(route, canonicalRoute)
				if err != nil {
					return err
				}
				routes = append(routes, text)
			}
			e.routes[vh.GetName()] = routes
		}
	}
	return nil
}

func (g *generator) expectClusters(node *model.Proxy, ns namespaces, e *expectation) error {
	resources, _ := g.config.BuildClusters(node, &model.PushRequest{Push: g.push})
	for _, r := range resources {
		if !ns.haveCluster(r.GetName()) {
			continue
		}
		var c clusterv3.Cluster
		if err := r.GetResource().UnmarshalTo(&c); err != nil {
			return fmt.Errorf("read cluster %s: %w", r.GetName(), err)
		}
		parts, err := canonicalProto(&c, canonicalCluster)
		if err != nil {
			return err
		}
		e.clusters[c.GetName()] = parts
		if c.GetType() == clusterv3.Cluster_EDS {
			if endpoints, ok := g.endpoints(node, c.GetName()); ok {
				e.endpoints[c.GetName()] = endpoints
			}
		}
	}
	return nil
}

func (g *generator) expectListeners(node *model.Proxy, e *expectation) error {
	e.scope = g.scope
	if e.scope.empty() {
		return nil
	}
	names := maps.Clone(g.scope.added)
	for _, l := range g.config.BuildListeners(node, g.push) {
		if !g.scope.covers(l.GetName(), l.GetTrafficDirection().String()) {
			continue
		}
		names[l.GetName()] = true
		parts, err := canonicalProto(l, g.scope.parts)
		if err != nil {
			return err
		}
		maps.Copy(e.listeners, parts)
	}
	e.listenerNames = slices.Sorted(maps.Keys(names))
	return nil
}

// node returns a pod's proxy as it introduces itself to istiod.
func (g *generator) node(pod *corev1.Pod) *model.Proxy {
	n := &model.Proxy{
		Type: model.SidecarProxy,
		ID:   pod.Name + "." + pod.Namespace,
		Metadata: &model.NodeMetadata{
			Namespace: pod.Namespace, Labels: pod.Labels, ClusterID: clusterID,
			// The generator leaves out what older proxies do not understand. This program's Istio
			// is the newest there is.
			IstioVersion: "65536.65536.65536",
		},
		IstioVersion:    model.MaxIstioVersion,
		ConfigNamespace: pod.Namespace,
		DNSDomain:       pod.Namespace + ".svc." + domain,
		Labels:          pod.Labels,
	}
	for _, ip := range pod.Status.PodIPs {
		n.IPAddresses = append(n.IPAddresses, ip.IP)
	}
	if isGateway(pod) {
		n.Type = model.Router
	}
	n.DiscoverIPMode()
	n.SetSidecarScope(g.push)
	for _, svc := range g.objects.services {
		if svc.Namespace != pod.Namespace || !selects(svc.Spec.Selector, pod.Labels) {
			continue
		}
		s := g.service(hostOf(&svc))
		for _, port := range svc.Spec.Ports {
			target, ok := targetPort(pod, port)
			sp, ok2 := s.Ports.GetByPort(int(port.Port))
			if ok && ok2 {
				n.ServiceTargets = append(n.ServiceTargets, model.ServiceTarget{
					Service: s, Port: model.ServiceInstancePort{ServicePort: sp, TargetPort: uint32(target)},
				})
			}
		}
	}
	n.SetGatewaysForProxy(g.push)
	return n
}

func (g *generator) service(h host.Name) *model.Service {
	for _, byNamespace := range g.push.ServiceIndex.HostnameAndNamespace[h] {
		return byNamespace
	}
	return nil
}

// routeConfigs names the route configurations that a proxy has for the services of ns. A gateway
// has one for each server. A sidecar has one for each HTTP port, and one for each service and port
// whose protocol Istio has to detect.
func (g *generator) routeConfigs(node *model.Proxy, ns namespaces) []string {
	if node.Type == model.Router {
		if node.MergedGateway != nil {
			return slices.Sorted(maps.Keys(node.MergedGateway.ServersByRouteName))
		}
		return nil
	}
	names := map[string]bool{}
	for _, svc := range g.objects.services {
		h := hostOf(&svc)
		s := g.service(h)
		if !slices.Contains(ns, svc.Namespace) || s == nil {
			continue
		}
		for _, port := range s.Ports {
			switch {
			case port.Protocol.IsHTTP():
				names[strconv.Itoa(port.Port)] = true
			case port.Protocol.IsUnsupported():
				names[string(h)+":"+strconv.Itoa(port.Port)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// endpoints returns the endpoints that a cluster should have: the ready pods that both its Service
// and its subset select. ok is false for a Service whose endpoints are not pods.
func (g *generator) endpoints(node *model.Proxy, cluster string) ([]string, bool) {
	_, subset, h, port := model.ParseSubsetKey(cluster)
	i := slices.IndexFunc(g.objects.services, func(s corev1.Service) bool { return hostOf(&s) == h })
	if i < 0 {
		return nil, false
	}
	svc := &g.objects.services[i]
	p := slices.IndexFunc(svc.Spec.Ports, func(sp corev1.ServicePort) bool { return int(sp.Port) == port })
	if p < 0 || len(svc.Spec.Selector) == 0 {
		return nil, false
	}
	wanted := map[string]string{}
	if rule := node.SidecarScope.DestinationRule(model.TrafficDirectionOutbound, node, h).GetRule(); rule != nil &&
		subset != "" {
		for _, s := range rule.Spec.(*networking.DestinationRule).GetSubsets() {
			if s.GetName() == subset {
				wanted = s.GetLabels()
			}
		}
	}
	endpoints := []string{}
	for _, pod := range g.objects.pods {
		if pod.Namespace != svc.Namespace || !selects(svc.Spec.Selector, pod.Labels) ||
			!labels.SelectorFromSet(wanted).Matches(labels.Set(pod.Labels)) ||
			!kube.PodReady(&pod) && !svc.Spec.PublishNotReadyAddresses {
			continue
		}
		if target, ok := targetPort(&pod, svc.Spec.Ports[p]); ok && pod.Status.PodIP != "" {
			endpoints = append(endpoints, net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(target)))
		}
	}
	slices.Sort(endpoints)
	return endpoints, true
}

// selects tells whether a Service's selector selects a pod. An empty selector selects none.
func selects(selector, podLabels map[string]string) bool {
	return len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(podLabels))
}

func targetPort(pod *corev1.Pod, port corev1.ServicePort) (int, bool) {
	if port.TargetPort.Type == intstr.Int {
		if n := port.TargetPort.IntValue(); n != 0 {
			return n, true
		}
		return int(port.Port), true
	}
	for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		for _, cp := range c.Ports {
			if cp.Name == port.TargetPort.StrVal {
				return int(cp.ContainerPort), true
			}
		}
	}
	return 0, false
}

func hostOf(svc *corev1.Service) host.Name {
	return kuberegistry.ServiceHostname(svc.Name, svc.Namespace, domain)
}
