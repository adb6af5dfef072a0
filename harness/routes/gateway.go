package routes

import (
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pkg/config/host"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A gateway is a Gateway of Istio or of the Gateway API.
type gateway struct {
	Object
	selector map[string]string
	kube     bool
	servers  []server
}

// A server is a server of Istio's Gateway or a listener of a Gateway of the Gateway API.
type server struct {
	// section is a listener's name.
	section string
	port    int
	// hosts may have namespaces before them (Istio's): shop/*.example.com, */x, ./x with the dot resolved.
	hosts []string
	// http tells that it routes HTTP: it does not pass TLS or TCP through. tls tells that it ends TLS, and redirect
	// that it answers 301 to whoever comes without.
	http, tls, redirect bool
	// from is which namespaces a listener takes routes from.
	from *gatewayv1.RouteNamespaces
}

func (w *world) addGateway(o Object) error {
	var spec networking.Gateway
	if err := decode(o, &spec); err != nil {
		return err
	}
	g := &gateway{Object: o, selector: spec.Selector}
	for _, s := range spec.Servers {
		protocol := strings.ToUpper(s.GetPort().GetProtocol())
		mode := s.GetTls().GetMode()
		pass := mode == networking.ServerTLSSettings_PASSTHROUGH ||
			mode == networking.ServerTLSSettings_AUTO_PASSTHROUGH
		tls := s.GetTls() != nil && !s.GetTls().GetHttpsRedirect() || protocol == "HTTPS"
		hosts := make([]string, len(s.Hosts))
		for i, h := range s.Hosts {
			if rest, ok := strings.CutPrefix(h, "./"); ok {
				h = o.GetNamespace() + "/" + rest
			}
			hosts[i] = strings.ToLower(h)
		}
		g.servers = append(g.servers, server{
			port: int(s.GetPort().GetNumber()), hosts: hosts, tls: tls, redirect: s.GetTls().GetHttpsRedirect(),
			http: slices.Contains([]string{"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTPS"}, protocol) && (!pass || !tls),
		})
	}
	w.gateways[o.GetNamespace()+"/"+o.GetName()] = g
	return nil
}

func (w *world) addKubeGateway(o Object) error {
	var spec gatewayv1.GatewaySpec
	if err := decode(o, &spec); err != nil {
		return err
	}
	g := &gateway{Object: o, kube: true}
	for _, l := range spec.Listeners {
		s := server{section: string(l.Name), port: int(l.Port), hosts: []string{"*"}}
		if l.Hostname != nil && *l.Hostname != "" {
			s.hosts = []string{strings.ToLower(string(*l.Hostname))}
		}
		s.http = l.Protocol == gatewayv1.HTTPProtocolType || l.Protocol == gatewayv1.HTTPSProtocolType
		s.tls = l.Protocol == gatewayv1.HTTPSProtocolType
		if l.AllowedRoutes != nil {
			s.from = l.AllowedRoutes.Namespaces
		}
		g.servers = append(g.servers, s)
	}
	w.gateways[o.GetNamespace()+"/"+o.GetName()] = g
	return nil
}

// names returns the server's hosts for objects of a namespace.
func (s server) names(namespace string) host.Names { return host.NamesForNamespace(s.hosts, namespace) }

// takes tells whether a listener takes a route of a namespace. A selector is known only of the namespaces' own
// label, and of no other: then the answer is yes.
func (s server) takes(g *gateway, namespace string) bool {
	from := gatewayv1.NamespacesFromSame
	if s.from != nil && s.from.From != nil {
		from = *s.from.From
	}
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSelector:
		selector, err := metav1.LabelSelectorAsSelector(s.from.Selector)
		if err != nil {
			return false
		}
		requirements, _ := selector.Requirements()
		for _, r := range requirements {
			if r.Key() != "kubernetes.io/metadata.name" {
				return true
			}
		}
		return selector.Matches(labels.Set{"kubernetes.io/metadata.name": namespace})
	case gatewayv1.NamespacesFromNone:
		return false
	default:
		return namespace == g.GetNamespace()
	}
}

// unknown stands for a gateway that is not among the objects: it takes every host at every port.
var unknown = &gateway{servers: []server{{hosts: []string{"*"}, http: true}}}

// gateway returns a gateway by namespace/name, and whether it is among the objects.
func (w *world) gateway(name string) (*gateway, bool) {
	if g, ok := w.gateways[name]; ok {
		return g, true
	}
	return unknown, false
}

// A grant is a ReferenceGrant.
type grant struct {
	namespace string
	from      map[string]bool // namespaces of HTTPRoutes
	services  map[string]bool // names of Services; "" is all
}

func (w *world) addGrant(o Object) error {
	var spec struct {
		From []struct{ Group, Kind, Namespace string }
		To   []struct{ Group, Kind, Name string }
	}
	if err := decode(o, &spec); err != nil {
		return err
	}
	g := grant{o.GetNamespace(), map[string]bool{}, map[string]bool{}}
	for _, f := range spec.From {
		if f.Group == groupGateway && f.Kind == "HTTPRoute" {
			g.from[f.Namespace] = true
		}
	}
	for _, t := range spec.To {
		if t.Group == "" && t.Kind == "Service" {
			g.services[t.Name] = true
		}
	}
	w.grants = append(w.grants, g)
	return nil
}

// granted tells whether an HTTPRoute of a namespace may name a Service of another one.
func (w *world) granted(from, namespace, service string) bool {
	return slices.ContainsFunc(w.grants, func(g grant) bool {
		return g.namespace == namespace && g.from[from] && (g.services[""] || g.services[service])
	})
}
