package routes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// findInServers looks for rules that a gateway's servers never ask, and for redirects that lead nowhere.
func (t *Table) findInServers() {
	for _, b := range t.world.bindings {
		for _, g := range b.gateways {
			gw := t.world.gateways[g]
			if gw == nil || b.kube {
				continue
			}
			if len(b.rules) > 0 {
				t.findPassedThrough(b, g, gw)
			}
			t.findTLSEnded(b, g, gw)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.world.gateways)) {
		gw := t.world.gateways[name]
		for i, s := range gw.servers {
			if !s.redirect || gw.kube {
				continue
			}
			for _, h := range s.hosts {
				if !t.world.endsTLS(gw, bare(h)) {
					t.find(RedirectNowhere, gw.Object, gw.at(fmt.Sprintf("spec.servers[%d].tls", i)), -1,
						fmt.Sprintf("Port %d sends callers of %s to HTTPS, and no server of the gateway has TLS for "+
							"it: they find nobody there, or, where a balancer ends TLS before the gateway, are "+
							"redirected for ever.", s.port, bare(h)),
						"Add a server with TLS for the host, or have the balancer redirect.")
				}
			}
		}
	}
}

// bare is a server's host without the namespace before it.
func bare(h string) string {
	if _, after, ok := strings.Cut(h, "/"); ok {
		return after
	}
	return h
}

// endsTLS tells whether a server of a gateway, or of another one for the same pods, takes TLS for a host.
func (w *world) endsTLS(like *gateway, host string) bool {
	for _, gw := range w.gateways {
		if gw.kube != like.kube || !maps.Equal(gw.selector, like.selector) {
			continue
		}
		for _, s := range gw.servers {
			if (s.tls || !s.http) && slices.ContainsFunc(s.hosts, func(h string) bool {
				return covers(bare(h), host) || covers(host, bare(h))
			}) {
				return true
			}
		}
	}
	return false
}

// findPassedThrough looks for rules for HTTP at servers that route by the name in TLS alone.
func (t *Table) findPassedThrough(b *binding, name string, gw *gateway) {
	var sealed []string
	for _, s := range gw.servers {
		if len(t.domains(s, b)) == 0 {
			continue
		}
		if s.http {
			return
		}
		sealed = append(sealed, fmt.Sprint(s.port))
	}
	if len(sealed) == 0 {
		return
	}
	t.find(PassedThrough, b.Object, b.line("spec.http"), b.rules[0],
		fmt.Sprintf("The gateway %s passes through what comes to port %s for %s, and sees no request in it: no rule "+
			"for HTTP is asked.", name, strings.Join(sealed, ", "), strings.Join(b.hosts, ", ")),
		"Route by spec.tls with sniHosts, or have the gateway end TLS (tls.mode: SIMPLE).")
}

// findTLSEnded looks for routes for the name in TLS at servers that end it: what comes out is HTTP, and is looked up
// among the routes for HTTP alone.
func (t *Table) findTLSEnded(b *binding, name string, gw *gateway) {
	var spec networking.VirtualService
	if decode(b.Object, &spec) != nil || len(spec.Tls) == 0 {
		return
	}
	ended := false
	for _, s := range gw.servers {
		if len(t.domains(s, b)) == 0 {
			continue
		}
		if !s.http {
			return
		}
		ended = ended || s.tls
	}
	if ended {
		t.find(TLSEnded, b.Object, b.line("spec.tls"), -1,
			fmt.Sprintf("The gateway %s ends TLS for %s, so that no route under spec.tls is asked there.", name,
				strings.Join(b.hosts, ", ")),
			"Route by spec.http, or have the gateway pass TLS through (tls.mode: PASSTHROUGH).")
	}
}

// findHiddenWildcards looks for hosts whose requests a wildcard has rules for, which are never asked: Envoy asks the
// most specific host alone, and answers 404 where none of its rules is met.
func (t *Table) findHiddenWildcards() {
	for _, b := range t.world.bindings {
		for _, g := range b.gateways {
			if b.kube || t.takesAll(b, g) {
				continue
			}
			for i, h := range b.hosts {
				for _, wide := range t.world.bindings {
					if wide.kube || wide.ref() == b.ref() || !wide.at(g) || g == Mesh && !shared(wide, b) {
						continue
					}
					at := slices.IndexFunc(wide.hosts, func(w string) bool { return w != h && wild(w) && covers(w, h) })
					if at < 0 {
						continue
					}
					t.find(WildcardHidden, b.Object, b.line(fmt.Sprintf("spec.hosts[%d]", i)), -1,
						fmt.Sprintf("%s has rules for %s, and none of them is asked for %s: what meets no rule of "+
							"this object gets 404.", wide.ref(), wide.hosts[at], h),
						"Add a last route without a match here, or repeat the wildcard's rules.")
				}
			}
		}
	}
}

// takesAll tells whether one of a binding's rules at a gateway takes whatever is asked.
func (t *Table) takesAll(b *binding, gateway string) bool {
	return len(b.rules) == 0 || slices.ContainsFunc(b.rules, func(i int) bool {
		r := t.Rules[i]
		return slices.Contains(r.Gateways, gateway) && r.catchAll() && r.Port == 0
	})
}
