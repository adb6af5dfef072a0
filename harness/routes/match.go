package routes

import (
	"cmp"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
)

// Match returns the rule that takes a request, by the YAML, as index in Rules. ok is false if none does, which is
// always so for a caller without a sidecar: its requests go by the Service alone.
func (t Table) Match(r Request) (rule int, ok bool) {
	d := t.decide(r)
	return d.rule, d.rule >= 0
}

// A decision is what the proxy makes of a request.
type decision struct {
	// rule takes the request, -1 if none does. among are the rules that were asked, in this order.
	rule  int
	among []int
	// service is what takes the request where no rule is asked, nil if nothing is known of it.
	service *service
	// routed tells that the proxy has rules for the host: without one that matches it answers 404.
	routed bool
	// secure tells that the gateway redirects to HTTPS whatever is asked.
	secure bool
}

// decide follows a request through the proxy that it meets first.
func (t Table) decide(r Request) decision {
	switch r.entry() {
	case loadgen.Plain:
		return decision{rule: -1, service: t.world.services[t.world.called(r.Host, r.SourceNamespace)]}
	case loadgen.Gateway:
		return t.atGateway(r)
	default:
		return t.inMesh(r)
	}
}

// first asks rules in their order.
func (t Table) first(r Request, d decision) decision {
	d.rule, d.routed = -1, true
	for _, i := range d.among {
		if t.Rules[i].meets(r) {
			d.rule = i
			break
		}
	}
	return d
}

// meets tells whether all of a rule's conditions hold.
func (rule Rule) meets(r Request) bool {
	return !slices.ContainsFunc(rule.Conditions, func(c Condition) bool { return !c.holds(r) })
}

// catchAll tells whether a rule takes every request that it is asked for. Behind such a rule Istio sends no others
// of the same VirtualService, and at a gateway it moves it behind those of other VirtualServices (IsCatchAllRoute
// in pilot/pkg/networking/core/route/route.go).
func (rule Rule) catchAll() bool {
	return !slices.ContainsFunc(rule.Conditions, func(c Condition) bool {
		every := c.Op == Prefix && c.Value == "/" || c.Op == PathPrefix && c.Value == "/" ||
			c.Op == Regex && c.Value == ".*"
		return c.Of != OfPath || !every
	})
}

// rulesFor returns the rules of a binding that the proxy of a caller gets for a port, as
// BuildHTTPRoutesForVirtualService picks them. None means that the proxy does not get the binding at all.
func (t Table) rulesFor(b *binding, r Request, gateway string, labels map[string]string) []int {
	var all []int
	if b.port != 0 && b.port != r.port() {
		return nil
	}
	for _, i := range b.rules {
		rule := t.Rules[i]
		if rule.Port != 0 && rule.Port != r.port() {
			continue
		}
		if rule.ownGateways {
			if !slices.Contains(rule.Gateways, gateway) {
				continue
			}
		} else if !subset(rule.SourceLabels, labels) ||
			rule.SourceNamespace != "" && rule.SourceNamespace != r.SourceNamespace {
			continue
		}
		all = append(all, i)
		if !b.kube && rule.catchAll() {
			break
		}
	}
	return all
}

// subset tells whether all labels of a are in b.
func subset(a, b map[string]string) bool {
	for k, v := range a {
		if w, ok := b[k]; !ok || w != v {
			return false
		}
	}
	return true
}

// inMesh follows a request through the caller's sidecar: BuildSidecarOutboundVirtualHosts in Istio's
// pilot/pkg/networking/core/httproute.go.
func (t Table) inMesh(r Request) decision {
	raw, _, _ := strings.Cut(strings.ToLower(r.Host), ":")
	full := t.world.called(r.Host, r.SourceNamespace)
	svc := t.world.services[full]
	if svc != nil {
		// A port that is not for HTTP has no rules, and is passed on.
		if p, ok := svc.port(r.port()); ok && !p.http {
			return decision{rule: -1, service: svc}
		}
	}
	all := slices.DeleteFunc(slices.Clone(t.world.bindings), func(b *binding) bool {
		return !b.at(Mesh) || !b.visible(r.SourceNamespace)
	})
	slices.SortStableFunc(all, func(a, b *binding) int {
		own := func(b *binding) int {
			if b.kube && b.GetNamespace() == r.SourceNamespace {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(own(a), own(b)), before(a, b))
	})
	// A host that is written as the caller calls it, and that no Service has as its full name, is a domain of its
	// own, which goes before that of the Service.
	if raw != full {
		if d, ok := t.byHost(all, r, raw); ok {
			return d
		}
	}
	if d, ok := t.byHost(all, r, full); ok {
		return d
	}
	return t.byWildcard(all, r, full, svc)
}

// byHost finds the binding for an exact host: the first one that has rules for the caller.
func (t Table) byHost(all []*binding, r Request, name string) (decision, bool) {
	found := false
	for _, b := range all {
		if !slices.Contains(b.hosts, name) || !t.served(b, name, r.port()) {
			continue
		}
		found = true
		if rules := t.rulesFor(b, r, Mesh, r.SourceLabels); len(rules) > 0 {
			if b.kube {
				rules = t.mergedKube(all, b, r, name)
			}
			return t.first(r, decision{among: rules}), true
		}
	}
	if found {
		svc := t.world.services[name]
		return decision{rule: -1, service: svc}, svc != nil
	}
	return decision{}, false
}

// served tells whether the proxy has a listener where a host that is no Service's is looked up: port 80, and the
// ports of Services that the same VirtualService names. Names of Services that are not among the objects are
// taken for Services.
func (t Table) served(b *binding, name string, port int) bool {
	if _, ok := t.world.services[name]; ok || port == 80 || strings.HasSuffix(name, ".svc."+Domain) {
		return true
	}
	for _, s := range t.world.services {
		if _, ok := s.port(port); ok && slices.ContainsFunc(b.hosts, func(h string) bool { return covers(h, s.host) }) {
			return true
		}
	}
	return false
}

// mergedKube returns the rules of all HTTPRoutes of one namespace for one Service and port, in their precedence.
// Which of them is asked first where they are equal follows from the age of their objects.
func (t Table) mergedKube(all []*binding, like *binding, r Request, name string) []int {
	var rules []int
	for _, b := range all {
		if b.kube && b.GetNamespace() == like.GetNamespace() && b.port == like.port && slices.Contains(b.hosts, name) {
			rules = append(rules, t.rulesFor(b, r, Mesh, r.SourceLabels)...)
		}
	}
	t.sortKube(rules)
	return rules
}

func (t Table) sortKube(rules []int) {
	slices.SortStableFunc(rules, func(a, b int) int { return t.Rules[a].rank.compare(t.Rules[b].rank) })
}

// byWildcard finds the binding with the most specific wildcard for a host. A Service has one such binding at
// most, and default routes if that has no rules for the caller.
func (t Table) byWildcard(all []*binding, r Request, name string, svc *service) decision {
	var best *binding
	pattern := ""
	for _, b := range all {
		for _, h := range b.hosts {
			if !wild(h) || !covers(h, name) || svc == nil && !t.served(b, h, r.port()) {
				continue
			}
			if best == nil || specific(h, pattern) < 0 {
				best, pattern = b, h
			}
		}
	}
	if best != nil {
		if rules := t.rulesFor(best, r, Mesh, r.SourceLabels); len(rules) > 0 {
			return t.first(r, decision{among: rules})
		}
	}
	return decision{rule: -1, service: svc}
}
