package standin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/mesh"
)

// readServices reads the Services of the manifests. It leaves out those of gateways.
func (b *builder) readServices() {
	gateways := []map[string]string{{"istio": "ingressgateway"}, {"istio": "egressgateway"}}
	for _, o := range b.of(routing, "Gateway") {
		if selector := texts(o.Object, "spec", "selector"); len(selector) > 0 {
			gateways = append(gateways, selector)
		}
	}
	for _, o := range b.of(service, "") {
		s := Service{
			Namespace: o.GetNamespace(), Name: o.GetName(), Selector: texts(o.Object, "spec", "selector"),
			Headless: text(o.Object, "spec", "clusterIP") == "None", Source: o.Source,
		}
		if text(o.Object, "spec", "type") == "ExternalName" {
			s.External, s.Selector = text(o.Object, "spec", "externalName"), nil
			b.note(o.note(Unshown, "Nothing outside of the lab is reached: requests to %s fail here.", s.External))
		} else if len(s.Selector) == 0 {
			b.note(o.note(Unshown, "It selects no pods, and its endpoints are not in the lab: its requests get no "+
				"answer."))
		}
		if len(s.Selector) > 0 && slices.ContainsFunc(gateways, func(g map[string]string) bool {
			return matches(g, s.Selector)
		}) {
			b.note(o.note(LeftOut, "It is that of a gateway: the lab's own ingress gateway stands in for it."))
			continue
		}
		for _, p := range list(o.Object, "spec", "ports") {
			s.Ports = append(s.Ports, servicePort(p))
		}
		b.plan.Services = append(b.plan.Services, s)
		b.sayUnspoken(o, s)
	}
}

// servicePort reads one port of a Service.
func servicePort(p map[string]any) ServicePort {
	sp := ServicePort{Name: text(p, "name"), Number: number(p, "port")}
	sp.Target = cmp.Or(number(p, "targetPort"), sp.Number)
	if sp.TargetName = text(p, "targetPort"); sp.TargetName != "" {
		sp.Target = 0
	}
	sp.Protocol = protocolOf(p)
	return sp
}

// protocols are the first words of a port's name, and the values of appProtocol, that Istio knows (protocol selection,
// see ServicePort), and those of Kubernetes.
var protocols = []string{"grpc", "grpc-web", "http", "http2", "https", "mongo", "mysql", "redis", "tcp", "tls", "udp",
	"hbone", "sctp"}

func protocolOf(p map[string]any) string {
	if l4 := strings.ToLower(text(p, "protocol")); l4 == "udp" || l4 == "sctp" {
		return l4
	}
	name := strings.ToLower(text(p, "name"))
	if app := strings.ToLower(text(p, "appProtocol")); app != "" {
		// kubernetes.io/h2c and kubernetes.io/ws are Kubernetes' own words.
		name = strings.NewReplacer("kubernetes.io/h2c", "http2", "kubernetes.io/ws", "http").Replace(app)
	}
	if strings.HasPrefix(name, "grpc-web") {
		return "grpc-web"
	}
	if first, _, _ := strings.Cut(name, "-"); slices.Contains(protocols, first) {
		return first
	}
	return ""
}

// sayUnspoken says which ports the sample app, which speaks HTTP without TLS, can't serve as theirs does.
func (b *builder) sayUnspoken(o Object, s Service) {
	var unspoken []string
	for _, p := range s.Ports {
		if !slices.Contains([]string{"", "http", "http2", "grpc", "grpc-web"}, p.Protocol) {
			unspoken = append(unspoken, fmt.Sprintf("%d (%s)", p.Number, p.Protocol))
		}
	}
	if len(unspoken) > 0 && s.External == "" {
		b.note(o.note(Unshown, "The stand-in speaks HTTP without TLS only, and not what is asked for on port %s.",
			strings.Join(unspoken, ", ")))
	}
}

// readEntries reads the ServiceEntries that select pods.
func (b *builder) readEntries() {
	for _, o := range b.of(routing, "ServiceEntry") {
		selector := texts(o.Object, "spec", "workloadSelector", "labels")
		if len(selector) == 0 {
			continue
		}
		var ports []ServicePort
		for _, p := range list(o.Object, "spec", "ports") {
			n := number(p, "number")
			ports = append(ports, ServicePort{
				Name: text(p, "name"), Number: n, Target: cmp.Or(number(p, "targetPort"), n),
				Protocol: strings.ToLower(text(p, "protocol")),
			})
		}
		for _, host := range listOfTexts(o.Object, "spec", "hosts") {
			b.plan.entries = append(b.plan.entries, Service{
				Namespace: o.GetNamespace(), Name: host, Selector: selector, Ports: ports, Source: o.Source,
			})
		}
	}
}

// makeServices makes the Services that are applied.
func (b *builder) makeServices() {
	for _, s := range b.plan.Services {
		var o Object
		if s.Invented {
			o = made("v1", "Service", s.Namespace, s.Name, s.Source)
			var ports []any
			for _, p := range s.Ports {
				ports = append(ports, map[string]any{
					"name": p.Name, "port": int64(p.Number), "targetPort": int64(p.Target),
				})
			}
			o.Object["spec"] = map[string]any{"selector": anyMap(s.Selector), "ports": ports}
		} else {
			i := slices.IndexFunc(b.objects, func(o Object) bool {
				return o.class() == service && o.GetNamespace() == s.Namespace && o.GetName() == s.Name
			})
			o = b.theirService(b.objects[i])
		}
		labels := o.GetLabels()
		if labels == nil {
			labels = map[string]string{}
		}
		labels[mesh.ManagedBy] = mesh.Manager
		o.SetLabels(labels)
		b.plan.services = append(b.plan.services, o)
	}
}

// keptOfService are the fields of a Service's spec that a request depends on in the mesh.
var keptOfService = []string{"selector", "ports", "externalName", "publishNotReadyAddresses"}

// theirService is a Service of theirs that the lab's cluster can give an address to.
func (b *builder) theirService(from Object) Object {
	o := made("v1", "Service", from.GetNamespace(), from.GetName(), from.Source)
	b.dropRevision(from)
	o.SetLabels(from.GetLabels())
	annotations := map[string]string{}
	for name, v := range from.GetAnnotations() {
		if strings.HasPrefix(name, "networking.istio.io/") {
			annotations[name] = v
		}
	}
	if len(annotations) > 0 {
		o.SetAnnotations(annotations)
	}
	had, _ := from.Object["spec"].(map[string]any)
	spec := map[string]any{}
	for _, name := range keptOfService {
		if v, ok := had[name]; ok {
			spec[name] = v
		}
	}
	switch t := text(had, "type"); {
	case t == "ExternalName":
		spec["type"] = t
	case text(had, "clusterIP") == "None":
		spec["clusterIP"] = "None"
	case t == "LoadBalancer" || t == "NodePort":
		b.note(from.note(Changed, "It is a ClusterIP in the lab, not a %s: nobody calls from outside.", t))
	}
	var ports []any
	for _, p := range list(had, "ports") {
		p = maps.Clone(p)
		delete(p, "nodePort")
		ports = append(ports, p)
	}
	if len(ports) > 0 {
		spec["ports"] = ports
	}
	o.Object["spec"] = spec
	return o
}
