package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
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
)

// A state is what is compared of a proxy's configuration: all that a VirtualService, a DestinationRule, a Service, a policy or a
// pod's readiness decides for the hosts of one namespace. Each thing is in a canonical text that people can read.
type state struct {
	// routes has the ordered routes of each virtual host, by its name, such as
	// "my-service.demo.svc.cluster.local:80".
	routes map[string][]string
	// clusters has what matters of each cluster, part by part, by its name, such as
	// "outbound|80|v2|my-service.demo.svc.cluster.local".
	clusters map[string]map[string]string
	// endpoints has the "ip:port" of the healthy endpoints of each cluster that gets them from istiod, sorted.
	endpoints map[string][]string
	// listeners has what is compared of the listeners, by the names of the parts, as far as scope goes.
	listeners map[string]string
	scope     *scope
}

func newState() state {
	return state{routes: map[string][]string{}, clusters: map[string]map[string]string{}, endpoints: map[string][]string{}, listeners: map[string]string{}}
}

// equal tells whether two states are the same. Listeners that were looked at in different ways can't be compared.
func (s state) equal(o state) bool {
	return maps.EqualFunc(s.routes, o.routes, slices.Equal) &&
		maps.EqualFunc(s.clusters, o.clusters, maps.Equal[map[string]string]) &&
		maps.EqualFunc(s.endpoints, o.endpoints, slices.Equal) &&
		(s.scope != o.scope || maps.Equal(s.listeners, o.listeners))
}

// An expectation is the state that one proxy ought to have.
type expectation struct {
	state
	// routeConfigs are Envoy's route configurations that the virtual hosts are in, such as "80".
	routeConfigs []string
	// listenerNames are the listeners that have a part in the state, now or once.
	listenerNames []string
}

// A generator is istiod's own configuration generator, which is part of this program, on a fixed set of objects:
// whatever can be said in a VirtualService or DestinationRule, Istio itself says what becomes of it in Envoy.
type generator struct {
	objects objects
	push    *model.PushContext
	config  *core.ConfigGeneratorImpl
	scope   *scope
}

const (
	// clusterID is Istio's default name for the only cluster.
	clusterID cluster.ID = "Kubernetes"
	// indexWithin bounds how long Istio's in-memory store may take to index a few dozen objects, which it does in
	// milliseconds.
	indexWithin = 10 * time.Second
)

// newGenerator makes a generator. What it says of listeners is within s.
func newGenerator(ctx context.Context, o objects, s *scope) (*generator, error) {
	quiet()
	services := make([]*model.Service, 0, len(o.services))
	for _, s := range o.services {
		services = append(services, kuberegistry.ConvertService(s, nil, domain, clusterID, o.mesh.GetTrustDomain()))
	}
	registry := memregistry.NewServiceDiscovery(services...)
	registry.ClusterID = clusterID
	// To validate was the API server's job, and its webhook's.
	store := memory.NewController(memory.MakeSkipValidation(collections.PilotGatewayAPI()))
	for _, c := range o.configs {
		if _, err := store.Create(c); err != nil {
			return nil, fmt.Errorf("take in %s %s/%s: %w", c.GroupVersionKind.Kind, c.Namespace, c.Name, err)
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

// expect says what p ought to hold for the hosts of namespace ns.
func (g *generator) expect(p Proxy, ns string) (expectation, error) {
	i := slices.IndexFunc(g.objects.pods, func(pod corev1.Pod) bool {
		return pod.Namespace == p.Namespace && pod.Name == p.Pod
	})
	if i < 0 {
		return expectation{}, fmt.Errorf("pod %s is gone", p)
	}
	node := g.node(&g.objects.pods[i])
	e := expectation{state: newState(), routeConfigs: g.routeConfigs(node, ns)}

	resources, _ := g.config.BuildHTTPRoutes(node, &model.PushRequest{Push: g.push}, e.routeConfigs)
	for _, r := range resources {
		var rc routev3.RouteConfiguration
		if err := r.GetResource().UnmarshalTo(&rc); err != nil {
			return expectation{}, fmt.Errorf("read route configuration %s: %w", r.GetName(), err)
		}
		for _, vh := range rc.GetVirtualHosts() {
			// A gateway serves hosts of any name; a sidecar has the hosts of other namespaces too.
			if node.Type == model.SidecarProxy && !ourVirtualHost(vh.GetName(), ns) {
				continue
			}
			routes := []string{}
			for _, route := range vh.GetRoutes() {
				text, err := canonicalProto(route, canonicalRoute)
				if err != nil {
					return expectation{}, err
				}
				routes = append(routes, text)
			}
			e.routes[vh.GetName()] = routes
		}
	}

	resources, _ = g.config.BuildClusters(node, &model.PushRequest{Push: g.push})
	for _, r := range resources {
		if !ourCluster(r.GetName(), ns) {
			continue
		}
		var c clusterv3.Cluster
		if err := r.GetResource().UnmarshalTo(&c); err != nil {
			return expectation{}, fmt.Errorf("read cluster %s: %w", r.GetName(), err)
		}
		parts, err := canonicalProto(&c, canonicalCluster)
		if err != nil {
			return expectation{}, err
		}
		e.clusters[c.GetName()] = parts
		if c.GetType() == clusterv3.Cluster_EDS {
			if endpoints, ok := g.endpoints(node, c.GetName()); ok {
				e.endpoints[c.GetName()] = endpoints
			}
		}
	}
	return e, g.expectListeners(node, &e)
}

// expectListeners says what a proxy's listeners ought to have in them.
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

// node is how a pod's proxy introduces itself to istiod.
func (g *generator) node(pod *corev1.Pod) *model.Proxy {
	n := &model.Proxy{
		Type: model.SidecarProxy,
		ID:   pod.Name + "." + pod.Namespace,
		Metadata: &model.NodeMetadata{
			Namespace: pod.Namespace, Labels: pod.Labels, ClusterID: clusterID,
			// The generator leaves out what older proxies do not understand. This program's Istio is the newest there is.
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

// routeConfigs names the route configurations that a proxy has for the services of ns: one per port for HTTP, one per
// service and port where Istio is to find out the protocol by itself, one per server for a gateway.
func (g *generator) routeConfigs(node *model.Proxy, ns string) []string {
	names := map[string]bool{}
	if node.Type == model.Router {
		if node.MergedGateway != nil {
			for name := range node.MergedGateway.ServersByRouteName {
				names[name] = true
			}
		}
	} else {
		for _, svc := range g.objects.services {
			if svc.Namespace != ns {
				continue
			}
			h := hostOf(&svc)
			s := g.service(h)
			if s == nil {
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
	}
	return slices.Sorted(maps.Keys(names))
}

// endpoints says which endpoints a cluster ought to have: the ready pods that both its Service and its subset select.
// It is not ok for a Service whose endpoints are not pods.
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
	if rule := node.SidecarScope.DestinationRule(model.TrafficDirectionOutbound, node, h).GetRule(); rule != nil && subset != "" {
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

// selects tells whether a Service's selector selects a pod. An empty one selects none.
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

// ourVirtualHost tells whether an Envoy virtual host, "host:port", is of a service of ns.
func ourVirtualHost(name, ns string) bool {
	h, _, ok := strings.Cut(name, ":")
	return ok && strings.HasSuffix(h, "."+ns+".svc."+domain)
}

// ourCluster tells whether an Envoy cluster, "outbound|port|subset|host", is of a service of ns.
func ourCluster(name, ns string) bool {
	return strings.HasPrefix(name, "outbound|") && strings.HasSuffix(name, "."+ns+".svc."+domain)
}

// canonicalProto turns a message into the JSON in which Envoy prints it, and that into its canonical form.
func canonicalProto[T any](m proto.Message, canonical func(map[string]any) (T, error)) (form T, err error) {
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return form, fmt.Errorf("print %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	var tree map[string]any
	if err := json.Unmarshal(b, &tree); err != nil {
		return form, fmt.Errorf("read back %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return canonical(tree)
}

// routeNoise are the parts of a route that steer nothing: names for traces, statistics and people.
var routeNoise = []string{"metadata", "decorator", "stat_prefix", "name"}

// actionNoise are the parts of a route's action that follow from Istio's version, not from the VirtualService.
var actionNoise = []string{"max_grpc_timeout", "max_stream_duration", "cluster_not_found_response_code", "append_x_forwarded_host"}

func canonicalRoute(route map[string]any) (string, error) {
	for _, key := range routeNoise {
		delete(route, key)
	}
	if action, ok := route["route"].(map[string]any); ok {
		for _, key := range actionNoise {
			delete(action, key)
		}
		if retry, ok := action["retry_policy"].(map[string]any); ok {
			delete(retry, "retry_host_predicate")
			delete(retry, "host_selection_retry_max_attempts")
		}
	}
	return text(route)
}

// clusterParts are the parts of a cluster that a Service's or DestinationRule's traffic policy decides, as far as they
// are the same in every version of Istio.
var clusterParts = []string{
	"type", "lb_policy", "connect_timeout", "circuit_breakers", "outlier_detection", "ring_hash_lb_config",
	"maglev_lb_config",
}

func canonicalCluster(cluster map[string]any) (map[string]string, error) {
	parts := map[string]string{}
	for _, key := range clusterParts {
		v, ok := cluster[key]
		if !ok {
			continue
		}
		t, err := text(v)
		if err != nil {
			return nil, err
		}
		parts[key] = t
	}
	parts[tlsPart] = clientTLS(cluster)
	return parts, nil
}

// tlsPart is the part of a cluster that clientTLS says.
const tlsPart = "tls"

// comparedParts are all parts of a cluster that are compared.
var comparedParts = append(slices.Clip(clusterParts), tlsPart)

// clientTLS says how a cluster's requests are encrypted: as each endpoint takes it (Istio's auto mTLS), always in the way that a DestinationRule says, or
// not at all. Certificates and the like are the mesh's, and left out.
func clientTLS(cluster map[string]any) string {
	if socket, ok := cluster["transport_socket"].(map[string]any); ok {
		return fmt.Sprint("always by ", socket["name"])
	}
	if _, ok := cluster["transport_socket_matches"]; ok {
		return "as the endpoint takes it"
	}
	return "none"
}

// text is JSON with sorted keys.
func text(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("print what is compared: %w", err)
	}
	return string(b), nil
}
