package routes

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	istiokube "istio.io/istio/pkg/config/kube"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Domain is the cluster's domain, which the lab and nearly every cluster have.
const Domain = "cluster.local"

// RootNamespace is Istio's root namespace, whose DestinationRules are for everybody.
const RootNamespace = "istio-system"

// The API groups of the objects.
const (
	groupIstio   = "networking.istio.io"
	groupGateway = "gateway.networking.k8s.io"
)

// A world is what the objects have beside routes: Services, gateways, subsets and workloads.
type world struct {
	services   map[string]*service // by fully qualified name, in lower case
	gateways   map[string]*gateway // by namespace/name
	subsets    []destinationRule
	workloads  []workload
	policies   []policy
	grants     []grant
	namespaces map[string]bool
	bindings   []*binding
	// objects has all of them, and order their references.
	objects []Object
	order   []string
	// samples are requests that go to the rules, in their order.
	samples []sample
}

// A service is a Service, or a host of a ServiceEntry.
type service struct {
	host, namespace string
	ports           []servicePort
	selector        map[string]string
	// entry tells that it is a host of a ServiceEntry.
	entry bool
}

type servicePort struct {
	number int
	name   string
	// http tells that Istio looks for HTTP in it: by its name or appProtocol, or because it has neither.
	http bool
	// target is the pods' port, by number or name; empty means the same number.
	target string
	// tls tells that callers send TLS to it, by its name or appProtocol.
	tls bool
}

// port returns a Service's port by its number.
func (s *service) port(number int) (servicePort, bool) {
	for _, p := range s.ports {
		if p.number == number {
			return p, true
		}
	}
	return servicePort{}, false
}

// web returns the first port that carries HTTP, 0 if none does.
func (s *service) web() int {
	for _, p := range s.ports {
		if p.http {
			return p.number
		}
	}
	return 0
}

// A destinationRule is what of a DestinationRule concerns routes.
type destinationRule struct {
	Object
	host     string // fully qualified
	exportTo []string
	subsets  []*networking.Subset
}

// A workload is what makes pods: their labels.
type workload struct {
	Object
	labels map[string]string
	// ports are the containers' named ports.
	ports map[string]int
}

// newWorkload reads what makes pods: spec is theirs.
func newWorkload(o Object, labels map[string]string, spec ...string) workload {
	w := workload{o, labels, map[string]int{}}
	containers, _, _ := unstructured.NestedSlice(o.Object, append(spec, "containers")...)
	for _, c := range containers {
		var container corev1.Container
		if convert(c, &container) != nil {
			continue
		}
		for _, p := range container.Ports {
			w.ports[p.Name] = int(p.ContainerPort)
		}
	}
	return w
}

func newWorld() *world {
	return &world{services: map[string]*service{}, gateways: map[string]*gateway{}, namespaces: map[string]bool{}}
}

// add reads an object that is no route.
func (w *world) add(o Object) error {
	if ns := o.GetNamespace(); ns != "" {
		w.namespaces[ns] = true
	}
	gvk := o.GroupVersionKind()
	switch gvk.Group + "/" + gvk.Kind {
	case "/Namespace":
		w.namespaces[o.GetName()] = true
	case "/Service":
		return w.addService(o)
	case groupIstio + "/ServiceEntry":
		return w.addServiceEntry(o)
	case groupIstio + "/DestinationRule":
		var dr networking.DestinationRule
		if err := decode(o, &dr); err != nil {
			return err
		}
		w.subsets = append(w.subsets, destinationRule{
			o, qualify(dr.Host, o.GetNamespace()), dr.ExportTo, dr.Subsets,
		})
	case groupIstio + "/Gateway":
		return w.addGateway(o)
	case groupGateway + "/Gateway":
		return w.addKubeGateway(o)
	case groupGateway + "/ReferenceGrant":
		return w.addGrant(o)
	case "security.istio.io/AuthorizationPolicy":
		return w.addPolicy(o)
	case "/Pod":
		w.workloads = append(w.workloads, newWorkload(o, o.GetLabels(), "spec"))
	default:
		labels, ok, _ := unstructured.NestedStringMap(o.Object, "spec", "template", "metadata", "labels")
		if ok {
			w.workloads = append(w.workloads, newWorkload(o, labels, "spec", "template", "spec"))
		}
	}
	return nil
}

func (w *world) addService(o Object) error {
	var svc corev1.Service
	if err := convert(o.Object, &svc); err != nil {
		return err
	}
	s := &service{
		host: qualify(svc.Name, svc.Namespace), namespace: svc.Namespace, selector: svc.Spec.Selector,
	}
	for _, p := range svc.Spec.Ports {
		// The judge is Istio's own reader of port names.
		protocol := istiokube.ConvertProtocol(p.Port, p.Name, p.Protocol, p.AppProtocol)
		target := p.TargetPort.String()
		if target == "0" {
			target = "" // it is not set
		}
		s.ports = append(s.ports, servicePort{
			int(p.Port), p.Name, protocol.IsHTTPOrSniffed(), target, protocol.IsTLS(),
		})
	}
	w.services[s.host] = s
	return nil
}

func (w *world) addServiceEntry(o Object) error {
	var se networking.ServiceEntry
	if err := decode(o, &se); err != nil {
		return err
	}
	for _, h := range se.Hosts {
		s := &service{host: strings.ToLower(h), namespace: o.GetNamespace(), entry: true}
		for _, p := range se.Ports {
			web := slices.Contains([]string{"HTTP", "HTTP2", "GRPC", "GRPC-WEB", ""}, strings.ToUpper(p.Protocol))
			sealed := slices.Contains([]string{"HTTPS", "TLS"}, strings.ToUpper(p.Protocol))
			s.ports = append(s.ports, servicePort{int(p.Number), p.Name, web, "", sealed})
		}
		w.services[s.host] = s
	}
	return nil
}

// qualify returns the fully qualified name of a host, as Istio resolves it: a name without a dot is a Service in
// the namespace of the object that names it.
func qualify(host, namespace string) string {
	if host == "" || host == "*" || strings.ContainsAny(host, ".:") {
		return strings.ToLower(host)
	}
	return strings.ToLower(host + "." + namespace + ".svc." + Domain)
}

// called returns the fully qualified name of a host that a caller in namespace calls. Unlike in Istio's objects,
// name.namespace is a Service here: the caller's DNS and the proxy's domains know it.
func (w *world) called(host, namespace string) string {
	host = strings.ToLower(host)
	if name, port, ok := strings.Cut(host, ":"); ok && !strings.Contains(port, ":") {
		host = name
	}
	for _, full := range []string{
		host, host + "." + Domain, host + ".svc." + Domain, host + "." + namespace + ".svc." + Domain,
	} {
		if _, ok := w.services[full]; ok {
			return full
		}
	}
	if name, ns, ok := strings.Cut(host, "."); ok && w.namespaces[ns] {
		return qualify(name, ns)
	}
	return qualify(host, namespace)
}

// decode reads the spec of one of Istio's objects.
func decode(o Object, into any) error {
	return convert(o.Object["spec"], into)
}

func convert(from, into any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("read the object: %w", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("read the object: %w", err)
	}
	return nil
}
