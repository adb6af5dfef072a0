package routes

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// others are kinds that may change what becomes of a request, and that the package does not understand.
var others = map[string]string{
	groupIstio + "/Sidecar":                     "which hosts a proxy knows",
	groupIstio + "/EnvoyFilter":                 "anything in a proxy",
	"extensions.istio.io/WasmPlugin":            "what becomes of a request",
	"security.istio.io/AuthorizationPolicy":     "who is answered 403",
	"security.istio.io/RequestAuthentication":   "who is answered 401",
	"security.istio.io/PeerAuthentication":      "whether a caller without a sidecar is answered",
	groupGateway + "/GRPCRoute":                 "where requests go",
	groupGateway + "/TCPRoute":                  "where connections go",
	groupGateway + "/TLSRoute":                  "where connections go",
	"networking.k8s.io/Ingress":                 "where requests from outside go",
	"networking.k8s.io/NetworkPolicy":           "who can connect at all",
	"networking.x-k8s.io/ListenerSet":           "what a gateway listens for",
	groupGateway + "/BackendTLSPolicy":          "how a gateway speaks with a Service",
	"inference.networking.k8s.io/InferencePool": "which pod a request goes to",
}

// findOther names an object of a kind that is not understood.
func (t *Table) findOther(o Object) {
	gvk := o.GroupVersionKind()
	if what, ok := others[gvk.Group+"/"+gvk.Kind]; ok {
		t.find(NotLookedAt, o, o.Source, -1,
			fmt.Sprintf("%s may change %s, and little or nothing in it is looked at here.", o.ref(), what),
			"Trust what the traffic shows more than what is foretold.")
	}
}

// findInBinding looks for what a binding names and what is not there.
func (t *Table) findInBinding(b *binding) {
	for i, g := range b.gateways {
		if g == Mesh {
			t.findInMesh(b)
			continue
		}
		at := b.gatewayLine(i)
		gw, ok := t.world.gateways[g]
		if !ok {
			t.find(UnknownGateway, b.Object, at, -1,
				fmt.Sprintf("The gateway %s is not among the objects.", g), t.world.meantGateway(g))
			continue
		}
		t.findAtGateway(b, g, gw, at)
	}
	if !b.kube && !b.at(Mesh) {
		for i, h := range b.hosts {
			if t.world.services[h] != nil && !t.world.services[h].entry {
				t.find(NotForMesh, b.Object, b.line(fmt.Sprintf("spec.hosts[%d]", i)), -1,
					fmt.Sprintf("%s is a Service, and the rules are for gateways alone: requests of callers in the "+
						"mesh "+
						"go to all of its pods, whatever the rules say.", h),
					"Add mesh to spec.gateways if the rules are for callers in the mesh too.")
			}
		}
	}
}

// line is the place of a field of the object.
func (b *binding) line(path string) Source { return b.Object.at(path) }

// gatewayLine is the place of one of the binding's gateways.
func (b *binding) gatewayLine(i int) Source {
	if b.kube {
		return b.line("spec.parentRefs")
	}
	return b.line(fmt.Sprintf("spec.gateways[%d]", i))
}

// meantGateway says what to do about a gateway that is not there.
func (w *world) meantGateway(name string) string {
	_, short, _ := strings.Cut(name, "/")
	for _, other := range slices.Sorted(maps.Keys(w.gateways)) {
		if _, s, _ := strings.Cut(other, "/"); s == short {
			return fmt.Sprintf("Write %s: a name without a namespace is looked up in that of the object.", other)
		}
	}
	return "Add the Gateway, or correct its name: without it Istio takes no request for the rules there."
}

func (t *Table) findAtGateway(b *binding, name string, g *gateway, at Source) {
	attached, common := false, false
	for _, s := range g.servers {
		if g.kube && !b.attached(g, s) {
			continue
		}
		attached = true
		if len(t.domains(s, b)) > 0 {
			common = true
			t.findPortless(b, name, name, s.port)
		}
	}
	switch {
	case !attached:
		t.find(NotAttached, b.Object, at, -1,
			fmt.Sprintf("No listener of the Gateway %s takes the route: by its name, its port or the namespaces "+
				"that it "+
				"allows.", name),
			"Correct sectionName and port of the parentRef, or allow the namespace with allowedRoutes.namespaces.")
	case !common:
		t.find(HostNotAtGateway, b.Object, at, -1,
			fmt.Sprintf("The gateway %s has no server for %s: requests to it get 404 there.", name,
				strings.Join(b.hosts, ", ")),
			"Let a server of the gateway have the host, with the namespace before it if there is one.")
	}
}

// findInMesh looks at what a binding's hosts are in the mesh.
func (t *Table) findInMesh(b *binding) {
	inCluster := func(h string) bool {
		return strings.HasSuffix(h, ".svc."+Domain) && !wild(h)
	}
	for i, h := range b.hosts {
		at := b.line(fmt.Sprintf("spec.hosts[%d]", i))
		svc := t.world.services[h]
		name, rest, _ := strings.Cut(h, ".")
		switch {
		case svc != nil:
			t.findPorts(b, svc, at)
		case b.kube:
		case inCluster(h):
			t.find(UnknownHost, b.Object, at, -1,
				fmt.Sprintf("The host %s is no Service among the objects.", h), t.world.meant(h))
		case t.world.services[qualify(name, rest)] != nil:
			t.find(UnknownHost, b.Object, at, -1,
				fmt.Sprintf("The host %s is not taken for the Service: only callers that call it by exactly this "+
					"name, "+
					"at port 80, get the rules.", h), t.world.meant(h))
		}
	}
	if b.kube || len(b.rules) == 0 {
		return
	}
	some := !slices.ContainsFunc(b.rules, func(i int) bool {
		r := t.Rules[i]
		return len(r.SourceLabels) == 0 && r.SourceNamespace == ""
	})
	if some {
		t.find(OnlySomeCallers, b.Object, t.Rules[b.rules[0]].Source, b.rules[0],
			"Each match asks for labels or a namespace of the caller: callers that fit none get no rule and no 404, "+
				"and "+
				"their requests go to all pods of the Service.",
			"Add a last route without such a match for all others.")
	}
}

// findPorts looks for ports where no rule is asked, because they are not for HTTP.
func (t *Table) findPorts(b *binding, svc *service, at Source) {
	if svc.web() == 0 && len(svc.ports) > 0 {
		t.find(NotHTTP, b.Object, at, -1,
			fmt.Sprintf("No port of %s is for HTTP by its name (%s): no rule is asked for it.", svc.host,
				svc.portList()),
			"Name the Service's port http or http-something, or set its appProtocol to http.")
		return
	}
	for _, i := range b.rules {
		r := t.Rules[i]
		if p, ok := svc.port(r.Port); r.Port != 0 && slices.Contains(r.Gateways, Mesh) && (!ok || !p.http) {
			kind, text := UnknownPort, fmt.Sprintf("%s asks for port %d, and %s has %s.", r.Path, r.Port, svc.host,
				svc.portList())
			if ok {
				kind = NotHTTP
			}
			t.findRule(kind, i, text, "Ask for a port of the Service that is for HTTP by its name.")
		}
	}
	var web []int
	for _, p := range svc.ports {
		if p.http {
			web = append(web, p.number)
		}
	}
	t.findPortless(b, svc.host, Mesh, web...)
}

// findPortless looks for destinations without a port behind rules that are asked at some. A sidecar looks them up among
// the Services that have the port which is asked for, and a gateway among all: of a Service that has another port alone
// it takes that one (BuildSidecarOutboundVirtualHosts in Istio's pilot/pkg/networking/core/httproute.go, and
// GetDestinationCluster in .../core/route/route.go).
func (t *Table) findPortless(b *binding, asked, gateway string, ports ...int) {
	for _, i := range b.rules {
		r := t.Rules[i]
		if b.kube || !slices.Contains(r.Gateways, gateway) {
			continue
		}
		at := slices.DeleteFunc(slices.Clone(ports), func(port int) bool { return r.Port != 0 && r.Port != port })
		to := slices.Clone(r.Action.Destinations)
		for _, m := range r.Mirrors {
			to = append(to, m.Destination)
		}
		for _, d := range to {
			svc := t.world.services[d.Host]
			if d.Port != 0 || svc == nil || len(svc.ports) == 0 || gateway != Mesh && len(svc.ports) == 1 {
				continue
			}
			var lacks []string
			for _, port := range at {
				if _, ok := svc.port(port); !ok {
					lacks = append(lacks, strconv.Itoa(port))
				}
			}
			if len(lacks) == 0 {
				continue
			}
			const text = "%s names no port of %s, which has %s: Istio takes the port that is asked for, so that " +
				"requests to port %s of %s get %d."
			t.findRule(UnknownPort, i,
				fmt.Sprintf(text, r.Path, svc.host, svc.portList(), strings.Join(lacks, " or "), asked,
					http.StatusServiceUnavailable),
				fmt.Sprintf("Add destination.port.number, such as %d.", svc.ports[0].number))
		}
		if r.catchAll() && len(r.SourceLabels) == 0 && r.SourceNamespace == "" {
			// No later rule is asked there.
			ports = slices.DeleteFunc(slices.Clone(ports), func(port int) bool { return slices.Contains(at, port) })
		}
	}
}

// findDuplicates looks for hosts that two objects have rules for.
func (t *Table) findDuplicates() {
	type key struct{ gateway, host string }
	byHost := map[key][]*binding{}
	for _, b := range t.world.bindings {
		for _, g := range b.gateways {
			for _, h := range b.hosts {
				byHost[key{g, h}] = append(byHost[key{g, h}], b)
			}
		}
	}
	for k, all := range byHost {
		slices.SortStableFunc(all, before)
		for i, b := range all[1:] {
			a := all[i]
			if a.ref() == b.ref() || a.kube && b.kube || k.gateway == Mesh && !shared(a, b) ||
				k.gateway != Mesh && t.apart(a, b, k.gateway) {
				continue
			}
			text := fmt.Sprintf("%s has rules for %s too: in the mesh only the older one's are asked, or, where "+
				"both are "+
				"made in the same second, those of the first by name.", a.ref(), k.host)
			if k.gateway != Mesh {
				text = fmt.Sprintf("%s has rules for %s at %s too: the older one's are asked first, whichever is more "+
					"specific.", a.ref(), k.host, k.gateway)
			}
			path := "spec.hosts"
			if b.kube {
				path = "spec.parentRefs"
			}
			t.find(DuplicateHost, b.Object, b.line(path), -1, text,
				"Put the rules for a host into one VirtualService, or into delegates of one.")
		}
	}
}

// shared tells whether the sidecars of some namespace get both bindings.
func shared(a, b *binding) bool {
	all := func(x *binding) bool { return !x.kube && (len(x.exportTo) == 0 || slices.Contains(x.exportTo, "*")) }
	if a.kube || b.kube || all(a) || all(b) {
		return true
	}
	return slices.ContainsFunc(a.exportTo, func(ns string) bool { return slices.Contains(b.exportTo, ns) })
}

// findDelegates looks for VirtualServices without hosts that nobody names.
func (t *Table) findDelegates(virtual map[string]*virtualService) {
	for _, vs := range virtual {
		if len(vs.spec.Hosts) == 0 && !vs.used {
			t.find(Delegate, vs.Object, vs.Source, -1,
				fmt.Sprintf("%s has no hosts, and no VirtualService among the objects delegates to it.", vs.ref()),
				"Name it as a delegate of a VirtualService, or give it hosts.")
		}
	}
}

// findDestinationRules looks for DestinationRules that concern nothing, and for subsets that no pod can be in.
func (t *Table) findDestinationRules() {
	for _, dr := range t.world.subsets {
		used := slices.ContainsFunc(t.Rules, func(r Rule) bool {
			return slices.ContainsFunc(r.Action.Destinations, func(d Destination) bool {
				return covers(dr.host,
					d.Host)
			})
		})
		var svc *service
		for _, name := range slices.Sorted(maps.Keys(t.world.services)) {
			if svc == nil && covers(dr.host, name) {
				svc = t.world.services[name]
			}
		}
		if !used && svc == nil {
			t.find(UnusedRule, dr.Object, dr.at("spec.host"), -1,
				fmt.Sprintf("The host %s is no Service among the objects, and no route goes there.", dr.host),
				t.world.meant(dr.host))
		}
		if svc == nil || svc.entry {
			continue
		}
		behind := t.world.behind(svc)
		t.findSharedPods(dr, svc, behind)
		for i, s := range dr.subsets {
			in := slices.ContainsFunc(behind, func(w workload) bool { return subset(s.Labels, w.labels) })
			if len(behind) > 0 && !in {
				t.find(NoSuchPods, dr.Object, dr.at(fmt.Sprintf("spec.subsets[%d]", i)), -1,
					fmt.Sprintf("No workload of %s among the objects has the labels of the subset %s (%s): its "+
						"requests "+
						"get 503.", svc.host, s.Name, labelText(s.Labels)),
					"Let the subset ask for labels that the pods carry, with their values.")
			}
		}
	}
}

// behind returns the workloads that a Service selects.
func (w *world) behind(svc *service) (all []workload) {
	for _, one := range w.workloads {
		if one.GetNamespace() == svc.namespace && len(svc.selector) > 0 && subset(svc.selector, one.labels) {
			all = append(all, one)
		}
	}
	return all
}

// findSharedPods looks for workloads that are in two subsets which routes lead to.
func (t *Table) findSharedPods(dr destinationRule, svc *service, behind []workload) {
	routed := func(name string) bool {
		return slices.ContainsFunc(t.Rules, func(r Rule) bool {
			return slices.ContainsFunc(r.Action.Destinations, func(d Destination) bool {
				return d.Subset == name && covers(dr.host, d.Host)
			})
		})
	}
	for i, s := range dr.subsets {
		for _, other := range dr.subsets[:i] {
			if !routed(s.Name) || !routed(other.Name) {
				continue
			}
			for _, w := range behind {
				if subset(s.Labels, w.labels) && subset(other.Labels, w.labels) {
					t.find(SharedPods, dr.Object, dr.at(fmt.Sprintf("spec.subsets[%d]", i)), -1,
						fmt.Sprintf("The pods of %s are in both subsets %s and %s of %s: requests for the one reach "+
							"pods of the other, whatever the weights say.", w.ref(), other.Name, s.Name, svc.host),
						"Let each subset ask for a label that tells its pods from all others.")
					break
				}
			}
		}
	}
}

func labelText(labels map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, k+": "+labels[k])
	}
	return strings.Join(all, ", ")
}

// findBackends looks for backends that an HTTPRoute at a gateway may not name, or that are no Services. In the
// mesh Istio asks for no grant (convertHTTPRoute is called with enforceRefGrant only for gateways).
func (t *Table) findBackends(o Object, rule gatewayv1.HTTPRouteRule, n int, gateways []string) {
	ingress := slices.ContainsFunc(gateways, func(g string) bool { return g != Mesh })
	for i, ref := range rule.BackendRefs {
		at := o.at(fmt.Sprintf("spec.rules[%d].backendRefs[%d]", n, i))
		if ref.Kind != nil && *ref.Kind != "Service" && *ref.Kind != "Hostname" {
			t.find(NotLookedAt, o, at, -1, fmt.Sprintf("rules[%d].backendRefs[%d] is a %s, and only Services are "+
				"looked "+
				"at.", n, i, *ref.Kind), "Trust what the traffic shows more than what is foretold.")
			continue
		}
		if ref.Port == nil {
			t.find(UnknownPort, o, at, -1, fmt.Sprintf("rules[%d].backendRefs[%d] has no port, and a Service needs "+
				"one.",
				n, i), "Add the Service's port.")
		}
		if ref.Namespace == nil || string(*ref.Namespace) == o.GetNamespace() || !ingress {
			continue
		}
		if ns := string(*ref.Namespace); !t.world.granted(o.GetNamespace(), ns, string(ref.Name)) {
			t.find(NoGrant, o, at, -1,
				fmt.Sprintf("rules[%d].backendRefs[%d] names a Service of namespace %s, which grants that to nobody "+
					"in %s: "+
					"at a gateway those requests get 500.", n, i, ns, o.GetNamespace()),
				fmt.Sprintf("Add a ReferenceGrant in namespace %s, from HTTPRoute of %s to Service.", ns,
					o.GetNamespace()))
		}
	}
}
