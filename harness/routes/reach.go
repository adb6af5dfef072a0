package routes

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
)

// filler is the text of what a request has to have, whatever it is.
const filler = "canarylab"

// tries bounds the requests that are tried for one rule at one gateway. Few rules take more than ten.
const tries = 400

// A sample is a request that meets a rule, and goes to it.
type sample struct {
	rule    int
	gateway string
	request Request
}

// reach finds requests for every rule, at each of its gateways, and notes why there is none.
func (t *Table) reach() {
	for i := range t.Rules {
		found := false
		why := ""
		for _, g := range t.Rules[i].Gateways {
			s, not := t.seek(i, g)
			if not == "" {
				t.world.samples = append(t.world.samples, s)
				found = true
			}
			why = cmp.Or(why, not)
		}
		switch {
		case found:
		case len(t.Rules[i].Gateways) == 0:
			t.Rules[i].Unmet = "the rule is bound to no gateway"
		default:
			t.Rules[i].Unmet = why
		}
	}
}

// seek finds a request that goes to a rule at a gateway. Where an earlier rule takes it, the request is changed so
// that it misses that one and still meets the rule.
func (t Table) seek(rule int, gateway string) (sample, string) {
	r := t.Rules[rule]
	for _, c := range r.Conditions {
		if why := c.unbuildable(); why != "" {
			return sample{}, why
		}
	}
	queue := t.requests(rule, gateway)
	if len(queue) == 0 {
		return sample{}, fmt.Sprintf("no host of it is known at %s", gateway)
	}
	seen := map[string]bool{}
	why := "no request was found that meets all of its conditions"
	for n := 0; n < len(queue) && n < tries; n++ {
		q := queue[n]
		d := t.decide(q)
		if d.rule == rule {
			return sample{rule, gateway, q}, ""
		}
		if !r.meets(q) {
			continue
		}
		if d.rule < 0 {
			why = t.whyNone(rule, d, q)
			continue
		}
		taker := t.Rules[d.rule]
		why = fmt.Sprintf("every request that was tried goes to %s of %s", taker.Path, taker.Object)
		for _, c := range taker.Conditions {
			for _, v := range c.misses(q) {
				if k := v.request.key(); !seen[k] && r.meets(v.request) {
					seen[k] = true
					queue = append(queue, v.request)
				}
			}
		}
	}
	return sample{}, why
}

// whyNone says why no rule takes a request that meets a rule's conditions.
func (t Table) whyNone(rule int, d decision, q Request) string {
	switch {
	case d.secure:
		return "the gateway redirects to HTTPS whatever comes without"
	case d.service != nil:
		if p, ok := d.service.port(q.port()); ok && !p.http {
			return fmt.Sprintf("port %d of %s is named %s, which is not for HTTP", p.number, d.service.host, p.name)
		}
		return "the callers' proxies do not get it"
	case d.routed && q.Entry == loadgen.Gateway && len(d.among) == 0:
		return "the gateway has no server that takes one of its hosts"
	case d.routed:
		return fmt.Sprintf("other rules are asked for %s, and %s is not among them", q.Host, t.Rules[rule].Path)
	default:
		return fmt.Sprintf("%s is no Service, and callers in the mesh reach it at port 80 at most", q.Host)
	}
}

// unbuildable says why no request can meet a condition, "" if one can.
func (c Condition) unbuildable() string {
	switch {
	case c.Of == OfClaim:
		return "it asks for a claim of a token, and no request has one"
	case c.Op == Regex && compile(c.Value) == nil:
		return fmt.Sprintf("%q is no regular expression", c.Value)
	case c.Op == Regex && !c.Not && len(c.samples()) == 0:
		return fmt.Sprintf("no text was found that %q matches", c.Value)
	case c.Of == OfPath && c.Op != Regex && !c.Not && !strings.HasPrefix(c.Value, "/") && c.Value != "":
		return "no path of a request begins with " + c.Value
	}
	return ""
}

// requests returns requests that meet a rule's conditions, the plainest first, at one of its hosts.
func (t Table) requests(rule int, gateway string) []Request {
	r := t.Rules[rule]
	var all []Request
	for _, base := range t.bases(rule, gateway) {
		all = append(all, base.meeting(r.Conditions)...)
	}
	// A condition of the authority may be met by one of several ways to write the host.
	slices.SortStableFunc(all, func(a, b Request) int {
		less := func(q Request) int {
			if r.meets(q) {
				return 0
			}
			return 1
		}
		return cmp.Compare(less(a), less(b))
	})
	return all
}

// bases returns requests to a rule's hosts at a gateway, without any of its conditions.
func (t Table) bases(rule int, gateway string) []Request {
	r := t.Rules[rule]
	var all []Request
	for _, b := range t.world.bindings {
		if !b.at(gateway) || !slices.Contains(b.rules, rule) {
			continue
		}
		for _, base := range t.basesOf(b, gateway, r.Port) {
			if gateway == Mesh {
				base.SourceNamespace = cmp.Or(r.SourceNamespace, base.SourceNamespace)
				base.SourceLabels = r.SourceLabels
			}
			all = append(all, base)
		}
	}
	return all
}

// basesOf returns plain requests to a binding's hosts at a gateway. port is the one to use, 0 for any.
func (t Table) basesOf(b *binding, gateway string, port int) []Request {
	port = cmp.Or(port, b.port)
	if gateway != Mesh {
		return t.gatewayBases(b, gateway, port)
	}
	var all []Request
	for _, h := range b.hosts {
		for _, name := range t.concrete(h) {
			q := Request{
				Host: name, Port: port, Method: http.MethodGet, Path: "/", Entry: loadgen.Sidecar,
				SourceNamespace: b.caller(),
			}
			s := t.world.services[name]
			if q.Port == 0 && s != nil {
				q.Port = s.web()
				if q.Port == 0 && len(s.ports) > 0 {
					q.Port = s.ports[0].number
				}
			}
			q.Port = q.port()
			all = append(all, q)
			// The other ways to write it, for conditions of the authority.
			if short, ok := strings.CutSuffix(name, ".svc."+Domain); ok {
				first, ns, _ := strings.Cut(short, ".")
				for _, host := range []string{short, short + ".svc", first} {
					if host == first && ns != q.SourceNamespace {
						continue
					}
					q.Host = host
					all = append(all, q)
				}
			}
		}
	}
	// Hosts that are Services first: they are there for sure.
	slices.SortStableFunc(all, func(x, y Request) int {
		known := func(q Request) int {
			if t.world.services[q.Host] != nil {
				return 0
			}
			return 1
		}
		return cmp.Compare(known(x), known(y))
	})
	return all
}

// concrete returns hosts that a host in the mesh stands for: itself, or Services that its wildcard covers.
func (t Table) concrete(h string) []string {
	if !wild(h) {
		return []string{h}
	}
	var all []string
	for name := range t.world.services {
		if covers(h, name) && !wild(name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	if len(all) == 0 && h != "*" && !strings.HasSuffix(h, "."+Domain) {
		all = append(all, filler+strings.TrimPrefix(h, "*"))
	}
	return all
}

// gatewayBases returns plain requests to a binding's hosts, at each server that has one of them.
func (t Table) gatewayBases(b *binding, gateway string, port int) []Request {
	g, _ := t.world.gateway(gateway)
	var all []Request
	for _, s := range g.servers {
		if !s.http || port != 0 && s.port != 0 && s.port != port || b.section != "" && b.section != s.section {
			continue
		}
		for _, h := range t.domains(s, b) {
			name := h
			if h == "*" {
				name = filler + ".example"
			} else if wild(h) {
				name = filler + strings.TrimPrefix(h, "*")
			}
			q := Request{
				Host: name, Port: cmp.Or(s.port, port, 80), Method: http.MethodGet, Path: "/", Entry: loadgen.Gateway,
				Gateway: gateway,
			}
			if s.tls {
				q.Scheme = "https"
			}
			all = append(all, q)
		}
	}
	// What needs no TLS first.
	slices.SortStableFunc(all, func(x, y Request) int { return cmp.Compare(x.Scheme, y.Scheme) })
	return all
}
