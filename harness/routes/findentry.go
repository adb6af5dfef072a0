package routes

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// An entry is a ServiceEntry.
type entry struct {
	Object
	spec *networking.ServiceEntry
}

// findInServiceEntries looks for ServiceEntries that contradict each other, and for TLS within TLS.
func (t *Table) findInServiceEntries() {
	var all []entry
	each(t.world, groupIstio+"/ServiceEntry", func(o Object, spec *networking.ServiceEntry) {
		all = append(all, entry{o, spec})
	})
	policies := t.world.trafficPolicies()
	for i, e := range all {
		for _, other := range all[:i] {
			t.findContradiction(e, other)
		}
		for _, dr := range policies {
			t.findTLSTwice(e, dr)
		}
	}
}

// findContradiction looks for a host that two ServiceEntries have, with one port of two protocols or with two
// resolutions: Istio makes one cluster of both, with the settings of one of them.
func (t *Table) findContradiction(e, other entry) {
	for i, h := range e.spec.Hosts {
		if !slices.ContainsFunc(other.spec.Hosts, func(o string) bool { return strings.EqualFold(o, h) }) ||
			!sharedEntries(e, other) {
			continue
		}
		why := ""
		if e.spec.Resolution != other.spec.Resolution {
			why = fmt.Sprintf("resolution %s, and this one %s", other.spec.Resolution, e.spec.Resolution)
		}
		for _, p := range e.spec.Ports {
			for _, q := range other.spec.Ports {
				if p.Number == q.Number && !strings.EqualFold(p.Protocol, q.Protocol) {
					why = fmt.Sprintf("protocol %s at port %d, and this one %s", q.Protocol, p.Number, p.Protocol)
				}
			}
		}
		if why != "" {
			t.find(DuplicateEntry, e.Object, e.at(fmt.Sprintf("spec.hosts[%d]", i)), -1,
				fmt.Sprintf("%s has %s too, with %s: callers get one of the two, or a mixture.", other.ref(), h, why),
				"Have one ServiceEntry for a host, and export it to those who call it.")
		}
	}
}

// sharedEntries tells whether callers of some namespace get both.
func sharedEntries(a, b entry) bool {
	names := func(e entry) []string {
		var all []string
		for _, ns := range e.spec.ExportTo {
			if ns == "." {
				ns = e.GetNamespace()
			}
			all = append(all, ns)
		}
		if len(all) == 0 || slices.Contains(all, "*") {
			return nil
		}
		return all
	}
	x, y := names(a), names(b)
	return x == nil || y == nil || slices.ContainsFunc(x, func(ns string) bool { return slices.Contains(y, ns) })
}

// findTLSTwice looks for a DestinationRule that puts TLS around a port to which callers send TLS already. Where a rule
// for HTTP sends to the port, as from an egress gateway, there is no other TLS.
func (t *Table) findTLSTwice(e entry, dr trafficPolicy) {
	for _, h := range e.spec.Hosts {
		if !covers(dr.host, strings.ToLower(h)) {
			continue
		}
		for _, p := range e.spec.Ports {
			if proto := strings.ToUpper(p.Protocol); proto != "HTTPS" && proto != "TLS" {
				continue
			}
			tls, path := dr.policy.Tls, "spec.trafficPolicy.tls"
			for i, at := range dr.policy.PortLevelSettings {
				if at.GetPort().GetNumber() == p.Number {
					tls, path = at.Tls, fmt.Sprintf("spec.trafficPolicy.portLevelSettings[%d]", i)
				}
			}
			if tls == nil || tls.Mode == networking.ClientTLSSettings_DISABLE || t.sentTo(h, int(p.Number)) {
				continue
			}
			t.find(TLSTwice, dr.Object, dr.at(path), -1,
				fmt.Sprintf("Callers send %s to port %d of %s, and %s puts TLS around it once more.", p.Protocol,
					p.Number, h, dr.ref()),
				"Leave the TLS out of the DestinationRule, or have a port for HTTP with targetPort 443, which the "+
					"app calls by plain HTTP.")
			return
		}
	}
}

// sentTo tells whether a rule sends requests to a port of a host.
func (t *Table) sentTo(host string, port int) bool {
	return slices.ContainsFunc(t.Rules, func(r Rule) bool {
		return slices.ContainsFunc(r.Action.Destinations, func(d Destination) bool {
			return strings.EqualFold(d.Host, host) && (d.Port == 0 || d.Port == port)
		})
	})
}
