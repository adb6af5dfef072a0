package routes

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// atGateway follows a request through a gateway: buildGatewayHTTPRouteConfig in Istio's
// pilot/pkg/networking/core/gateway.go.
func (t Table) atGateway(r Request) decision {
	names := []string{r.Gateway}
	if r.Gateway == "" {
		names = slices.Sorted(maps.Keys(t.world.gateways))
	}
	for _, name := range names {
		g, known := t.world.gateway(name)
		var d decision
		var ok bool
		if g.kube {
			d, ok = t.atKubeGateway(r, name, g)
		} else {
			d, ok = t.atIstioGateway(r, name, g, known)
		}
		if ok {
			return d
		}
	}
	return decision{rule: -1, routed: true}
}

// opens tells whether a server listens where the request goes.
func (s server) opens(r Request, known bool) bool {
	return s.http && (!known || s.port == r.port() && s.tls == (r.scheme() == "https"))
}

func (t Table) atIstioGateway(r Request, name string, g *gateway, known bool) (decision, bool) {
	raw, _, _ := strings.Cut(strings.ToLower(r.Host), ":")
	all := t.boundTo(name)
	domain, open := "", false
	rules := map[string][]int{} // by domain
	for _, s := range g.servers {
		if !s.opens(r, known) {
			continue
		}
		if s.redirect && slices.ContainsFunc(s.hosts, func(h string) bool {
			_, bare, found := strings.Cut(h, "/")
			return covers(h, raw) || found && covers(bare, raw)
		}) {
			return decision{rule: -1, secure: true}, true
		}
		for _, b := range all {
			got := t.rulesFor(b, r, name, g.selector)
			if len(got) == 0 {
				continue
			}
			for _, h := range t.domains(s, b) {
				if !covers(h, raw) {
					continue
				}
				open = true
				rules[h] = append(rules[h], got...)
				if domain == "" || specific(h, domain) < 0 {
					domain = h
				}
			}
		}
	}
	if !open {
		return decision{}, false
	}
	return t.first(r, decision{among: t.catchAllsLast(rules[domain])}), true
}

// boundTo returns the bindings at a gateway, in their order.
func (t Table) boundTo(gateway string) []*binding {
	all := slices.DeleteFunc(slices.Clone(t.world.bindings), func(b *binding) bool { return !b.at(gateway) })
	slices.SortStableFunc(all, before)
	return all
}

// domains returns the hosts that a server and a binding have in common.
func (t Table) domains(s server, b *binding) []string {
	var all []string
	names := s.names(b.GetNamespace())
	for _, h := range names.Intersection(hostNames(b.hosts)) {
		all = append(all, strings.ToLower(string(h)))
	}
	return all
}

func (t Table) catchAllsLast(rules []int) []int {
	last := func(i int) int {
		if t.Rules[i].catchAll() {
			return 1
		}
		return 0
	}
	rules = slices.Clone(rules)
	slices.SortStableFunc(rules, func(a, b int) int { return cmp.Compare(last(a), last(b)) })
	return rules
}

// atKubeGateway picks the most specific listener for the host, and then the most specific host among the routes
// that are attached to it (Gateway API: Listener.hostname, listener isolation).
func (t Table) atKubeGateway(r Request, name string, g *gateway) (decision, bool) {
	raw, _, _ := strings.Cut(strings.ToLower(r.Host), ":")
	var at *server
	for i, s := range g.servers {
		if s.opens(r, true) && covers(s.hosts[0], raw) && (at == nil || specific(s.hosts[0], at.hosts[0]) < 0) {
			at = &g.servers[i]
		}
	}
	if at == nil {
		return decision{}, false
	}
	domain := ""
	rules := map[string][]int{}
	for _, b := range t.boundTo(name) {
		if !b.attached(g, *at) {
			continue
		}
		for _, h := range t.domains(*at, b) {
			if covers(h, raw) {
				rules[h] = append(rules[h], t.rulesFor(b, r, name, nil)...)
				if domain == "" || specific(h, domain) < 0 {
					domain = h
				}
			}
		}
	}
	t.sortKube(rules[domain])
	return t.first(r, decision{among: rules[domain]}), true
}
