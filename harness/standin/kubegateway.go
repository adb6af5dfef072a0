package standin

import (
	"slices"

	"github.com/canarylab/canarylab/harness/addons"
)

// istioClass is the GatewayClass of Istio's gateways: the only one that the lab's Istio serves with an ingress gateway
// (https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#differences-from-istio-apis).
const istioClass = "istio"

// kubeGateways reads the Gateways of the Gateway API. By its address each is made one that is deployed by hand, so that
// the lab's ingress gateway serves it, whose access logs are read: otherwise Istio would deploy another one
// (https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#manual-deployment). It returns the hosts
// of each certificate that they name.
func (b *builder) kubeGateways() (hosts map[string][]string, sources map[string]Source) {
	hosts, sources = map[string][]string{}, map[string]Source{}
	for _, o := range b.of(routing, "Gateway") {
		if !o.kube() {
			continue
		}
		g := Gateway{Namespace: o.GetNamespace(), Name: o.GetName(), Source: o.Source}
		class := text(o.Object, "spec", "gatewayClassName")
		switch {
		case class != istioClass:
			b.note(o.note(Missing, "Its gatewayClassName is %s, and the lab has Istio's alone, which is %s: nothing "+
				"comes in through it.", class, istioClass))
		case g.Namespace != b.plan.GatewayNamespace:
			b.note(o.note(Missing, "The lab's ingress gateway is in namespace %s, and Istio looks for one in the "+
				"Gateway's own: nothing comes in through it.", b.plan.GatewayNamespace))
		default:
			g.Met = true
			address := addons.Gateway + "." + g.Namespace + suffix
			spec, _ := o.Object["spec"].(map[string]any)
			spec["addresses"] = []any{map[string]any{"type": "Hostname", "value": address}}
			b.note(o.note(Changed, "Its spec.addresses is %s: the lab's ingress gateway serves it, and Istio deploys "+
				"none.", address))
		}
		for _, l := range list(o.Object, "spec", "listeners") {
			s := Server{Port: number(l, "port"), Protocol: text(l, "protocol")}
			host := text(l, "hostname")
			if host == "" {
				host = "*"
			}
			s.Hosts = []string{host}
			if tls, ok := l["tls"].(map[string]any); ok {
				if s.TLSMode = "SIMPLE"; text(tls, "mode") == "Passthrough" {
					s.TLSMode = "PASSTHROUGH"
				}
				for _, ref := range list(tls, "certificateRefs") {
					if name := text(ref, "name"); name != "" && refNamespace(o, ref) == b.plan.GatewayNamespace {
						hosts[name], sources[name] = append(hosts[name], host), o.Source
					}
				}
			}
			g.Servers = append(g.Servers, s)
		}
		b.plan.Gateways = append(b.plan.Gateways, g)
	}
	return hosts, sources
}

// sayMissingParents says which HTTPRoutes name a Gateway that is not here.
func (b *builder) sayMissingParents() {
	for _, o := range b.of(routing, "HTTPRoute") {
		for _, ref := range list(o.Object, "spec", "parentRefs") {
			if kind := text(ref, "kind"); kind != "" && kind != "Gateway" {
				continue
			}
			ns, name := refNamespace(o, ref), text(ref, "name")
			if !slices.ContainsFunc(b.plan.Gateways, func(g Gateway) bool {
				return g.Namespace == ns && g.Name == name
			}) {
				b.note(o.note(Missing, "Gateway %s/%s is not here: name its manifest too, or nothing comes in by this "+
					"rule.", ns, name))
			}
		}
	}
}
