package standin

import (
	"maps"
	"slices"
)

// A hostUse is that of a host that a rule names.
type hostUse struct {
	// full is the host as Istio takes it.
	full   string
	object Object
	// field is where it is written.
	field string
	// ports are those that destinations name, by the protocol of the route: http, tcp or tls.
	ports map[int]string
}

// hostsOf returns the hosts that routes and DestinationRules name, in their order, each once.
func (b *builder) hostsOf() []*hostUse {
	var all []*hostUse
	add := func(o Object, host, field string, port int, protocol string) {
		full := fullHost(host, o.GetNamespace())
		i := slices.IndexFunc(all, func(u *hostUse) bool { return u.full == full })
		if i < 0 {
			i = len(all)
			all = append(all, &hostUse{full: full, object: o, field: field, ports: map[int]string{}})
		}
		if _, ok := all[i].ports[port]; port != 0 && !ok {
			all[i].ports[port] = protocol
		}
	}
	for _, o := range b.of(routing, "") {
		switch o.GetKind() {
		case "VirtualService":
			if meshWide(o) {
				for _, host := range listOfTexts(o.Object, "spec", "hosts") {
					add(o, host, "spec.hosts", 0, "")
				}
			}
			for _, protocol := range []string{"http", "tls", "tcp"} {
				for _, rule := range list(o.Object, "spec", protocol) {
					for _, d := range destinations(rule) {
						add(o, text(d, "host"), "spec."+protocol, number(d, "port", "number"), protocol)
					}
				}
			}
		case "HTTPRoute":
			o.routeHosts(add)
		case "DestinationRule":
			add(o, text(o.Object, "spec", "host"), "spec.host", 0, "")
		}
	}
	return slices.DeleteFunc(all, func(u *hostUse) bool { return u.full == "" })
}

// meshWide tells whether a VirtualService is for sidecars, and not only for gateways.
func meshWide(o Object) bool {
	gateways := listOfTexts(o.Object, "spec", "gateways")
	return len(gateways) == 0 || slices.Contains(gateways, "mesh")
}

// destinations returns those of one rule of a VirtualService: of its routes, and where it mirrors to.
func destinations(rule map[string]any) []map[string]any {
	var all []map[string]any
	for _, r := range list(rule, "route") {
		if d, ok := r["destination"].(map[string]any); ok {
			all = append(all, d)
		}
	}
	if d, ok := rule["mirror"].(map[string]any); ok {
		all = append(all, d)
	}
	for _, m := range list(rule, "mirrors") {
		if d, ok := m["destination"].(map[string]any); ok {
			all = append(all, d)
		}
	}
	return all
}

// subsetsOf returns the subsets that DestinationRules define for a host, by name.
func (b *builder) subsetsOf(full string) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, r := range b.plan.subsets {
		if r.host == full {
			maps.Copy(all, r.subsets)
		}
	}
	return all
}
