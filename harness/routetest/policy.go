package routetest

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/authz"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/internal/kebab"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// A fate is what policies make of a request at the pods of one destination.
type fate struct {
	// denied tells that they answer 403, or 401 where refused is set: a RequestAuthentication does not take its token.
	denied, refused bool
	by              []string
	// rule is the one that decides, as index in Policies.Rules; -1 for none. unknown says why the fate is not known.
	rule    int
	unknown string
}

// target is the pods of a workload as policies see them, for a request to a Service's port.
func target(w standin.Workload, s standin.Service, port int) authz.Target {
	t := authz.Target{
		Namespace: w.Namespace, Labels: w.Labels, Host: routes.Request{Host: s.Host(), Port: port}.Authority(),
	}
	for _, p := range s.Ports {
		if p.Number != port && len(s.Ports) > 1 {
			continue
		}
		t.Port = p.Target
		for _, have := range w.Ports {
			if p.TargetName != "" && have.Name == p.TargetName {
				t.Port = have.Number
			}
		}
	}
	return t
}

// fate says what policies make of a request at a destination that somebody in a namespace names.
func (s *Side) fate(q routes.Request, from authz.Identity, d routes.Destination, ns string) fate {
	out := fate{rule: -1}
	if !s.Policies.Any() {
		return out
	}
	sent, ok := s.Table.Sent(q)
	sent.Header = s.headersOf(q)
	svc, known := s.Plan.Resolve(d.Host, ns)
	if !known {
		return out
	}
	first := true
	for _, w := range s.Plan.Behind(d.Host, ns, d.Subset, d.Port) {
		if !w.Sidecar {
			continue // nobody asks policies there
		}
		v := s.Policies.Decide(target(w, svc, d.Port), authz.Request{
			From: from, Authority: sent.Authority(), Method: cmp.Or(sent.Method, "GET"), Path: cmp.Or(sent.Path, "/"),
			Header: sent.Header,
		})
		switch {
		case v.Unknown != "":
			out.unknown = v.Unknown
		case !ok:
			out.unknown = "what its path is at the pods is not worked out"
		case !first && (out.denied != (v.Denied || v.Refused) || out.refused != v.Refused):
			out.unknown = fmt.Sprintf("policies deny it at some of the pods of %s, and not at all of them",
				reports.Destination(d.Host, d.Subset))
		}
		if first {
			first = false
			out.denied, out.refused, out.by, out.rule = v.Denied || v.Refused, v.Refused, v.By, v.Rule
		}
	}
	return out
}

// headersOf are a request's headers as the workload gets them: as the rule that takes it changes them.
func (s *Side) headersOf(q routes.Request) map[string]string {
	i, ok := s.Table.Match(q)
	if !ok || len(s.Table.Rules[i].Ops) == 0 {
		return q.Header
	}
	out := maps.Clone(q.Header)
	for _, op := range s.Table.Rules[i].Ops {
		if op.Response || op.Some {
			continue
		}
		name := op.Name
		for have := range out {
			if strings.EqualFold(have, name) {
				name = have
			}
		}
		if op.Verb == routes.HeaderRemove {
			delete(out, name)
		} else if out[name] == "" || op.Verb == routes.HeaderSet {
			if out == nil {
				out = map[string]string{}
			}
			out[name] = op.Value
		}
	}
	return out
}

// gatewayIdentity is who the lab's gateway is to the mesh.
func (s *sender) gatewayIdentity() authz.Identity {
	ns := s.home
	for _, side := range slices.Backward(s.sides) {
		ns = cmp.Or(side.Plan.GatewayNamespace, ns)
	}
	return authz.Identity{Namespace: ns, Account: standin.DefaultAccount}
}

// by is who asks the pods: the gateway for what comes through it, and nobody for a caller without a sidecar.
func (s *sender) by(c sent) authz.Identity {
	switch c.here.Entry {
	case loadgen.Gateway:
		return s.gatewayIdentity()
	case loadgen.Plain:
		return authz.Identity{}
	}
	return identity(c.from)
}

// gatewayTarget is the lab's gateway as policies see it.
func (s *sender) gatewayTarget(side *Side, port int) authz.Target {
	labels := map[string]string{"app": addons.Gateway, "istio": "ingressgateway"}
	maps.Copy(labels, side.Plan.GatewayLabels)
	return authz.Target{Namespace: s.gatewayIdentity().Namespace, Labels: labels, Port: port}
}

// atGateway says why policies keep a request at the lab's gateway, or from coming through it, where they might let it
// through at the team's own. Empty where they don't.
func (s *sender) atGateway(side *Side, q routes.Request) (unsent string) {
	own := s.gatewayIdentity()
	v := side.Policies.Decide(s.gatewayTarget(side, q.Port), authz.Request{
		Authority: q.Authority(), Method: cmp.Or(q.Method, "GET"), Path: cmp.Or(q.Path, "/"), Header: q.Header,
	})
	if v.Denied || v.Refused || v.Unknown != "" {
		return fmt.Sprintf("the lab's gateway is in namespace %s, so that %s is for it too, and decides there: put "+
			"the Gateway into a namespace of its own", own.Namespace, cmp.Or(strings.Join(v.By, ", "), v.Unknown))
	}
	// Whoever names the gateway's account in a policy names that of their own.
	if side.denied(q, own, s.home) == "" {
		return ""
	}
	for _, id := range side.Policies.Named() {
		if id.Namespace != "istio-system" && !strings.Contains(id.Account, "gateway") {
			continue
		}
		if side.denied(q, id.Identity, s.home) == "" {
			const other = "a policy lets %s through, which is your gateway, and the lab's is %s: in the lab it would " +
				"get 403"
			return fmt.Sprintf(other, id.Identity, own)
		}
	}
	return ""
}

// denied names the policies that deny a request at each of its destinations. It is empty where one lets it through.
func (s *Side) denied(q routes.Request, from authz.Identity, home string) string {
	by := ""
	for _, d := range s.Table.Want(q).Destinations {
		f := s.fate(q, from, d, s.asks(q, home))
		if !f.denied {
			return ""
		}
		by = cmp.Or(by, strings.Join(f.by, " and "))
	}
	return by
}

// denies tells whether policies deny a caller's request wherever it goes.
func (s *Side) denies(q routes.Request, from addons.Caller) bool {
	return s.denied(q, identity(from), from.Namespace) != ""
}

// asks is the namespace in which the host of a request's destination is named.
func (s *Side) asks(q routes.Request, home string) string {
	if rule, ok := s.Table.Match(q); ok {
		_, name, _ := strings.Cut(s.Table.Rules[rule].Object, " ")
		ns, _, _ := strings.Cut(name, "/")
		return ns
	}
	return cmp.Or(q.SourceNamespace, home)
}

// An aimed is a class that shows a rule of a policy, and who sends it.
type aimed struct {
	routes.Class
	from authz.Identity
	// meant is the rule that no request can meet and that means this one, from 1; 0 is none.
	meant int
}

// aims are the classes for a side's policies. unmet says, for rules that none of them meets, why.
func (s *sender) aims(side *Side) (all []aimed, unmet map[int]string) {
	unmet = map[int]string{}
	for i, r := range side.Policies.Rules {
		unmet[i] = "no Service here leads by HTTP to pods with a sidecar that it is for"
		for svc, port := range s.concerned(side, i) {
			w, _ := s.served(side, svc, port)
			t, who := target(w, svc, port), s.who(side, svc)
			probes, why := side.Policies.Probes(i, t, who)
			unmet[i] = why
			for _, probe := range probes {
				all = append(all, s.aim(r, svc, port, probe))
			}
			for _, probe := range side.Policies.Meant(i, t, who) {
				one := s.aim(r, svc, port, probe)
				one.meant = i + 1
				all = append(all, one)
			}
			if why == "" {
				delete(unmet, i)
				break
			}
		}
	}
	return append(all, s.tokenAims(side)...), unmet
}

// concerned are the Services, with a port, that lead to pods which a policy's rule is for.
func (s *sender) concerned(side *Side, rule int) iter.Seq2[standin.Service, int] {
	return func(yield func(standin.Service, int) bool) {
		for _, svc := range side.Plan.Services {
			for _, p := range svc.Ports {
				w, ok := s.served(side, svc, p.Number)
				if ok && side.Policies.Concerns(rule, target(w, svc, p.Number)) && !yield(svc, p.Number) {
					return
				}
			}
		}
	}
}

// served returns a workload behind a Service's port that speaks HTTP, and has a sidecar.
func (s *sender) served(side *Side, svc standin.Service, port int) (standin.Workload, bool) {
	i := slices.IndexFunc(svc.Ports, func(p standin.ServicePort) bool { return p.Number == port })
	web := i >= 0 && slices.Contains([]string{"", "http", "http2", "grpc", "grpc-web"}, svc.Ports[i].Protocol)
	if !web || svc.Headless {
		return standin.Workload{}, false
	}
	for _, w := range side.Plan.Behind(svc.Host(), svc.Namespace, "", port) {
		if w.Sidecar && w.Replicas > 0 {
			return w, true
		}
	}
	return standin.Workload{}, false
}

// who are the callers that there may be of a Service: workloads that are not behind it first, then the usual one, and
// those that are behind it last, as nobody calls himself.
func (s *sender) who(side *Side, svc standin.Service) []authz.Identity {
	behind := side.Plan.Behind(svc.Host(), svc.Namespace, "", 0)
	var first, then []authz.Identity
	for _, c := range s.callers[1:] {
		own := slices.ContainsFunc(behind, func(w standin.Workload) bool {
			return w.Namespace == c.Namespace && maps.Equal(w.Labels, c.Labels)
		})
		if own {
			then = append(then, identity(c))
		} else {
			first = append(first, identity(c))
		}
	}
	return append(append(first, identity(s.callers[0])), then...)
}

// aim makes the class of a probe of a policy's rule.
func (s *sender) aim(r authz.Rule, svc standin.Service, port int, probe authz.Probe) aimed {
	return s.aimAt(r.Object, r.Path, svc, port, probe)
}

// aimAt makes the class of a probe of an object. path is where in it is what the probe shows.
func (s *sender) aimAt(object, path string, svc standin.Service, port int, probe authz.Probe) aimed {
	q := routes.Request{
		Host: svc.Host(), Port: port, Method: probe.Method, Path: probe.Path, Header: probe.Header,
		Entry: loadgen.Sidecar, SourceNamespace: probe.From.Namespace,
	}
	_, policy, _ := strings.Cut(object, "/")
	name := kebab.Of(strings.Join([]string{policy, path, probe.Name, svc.Name}, "-"))
	kind := routes.NearMiss
	if probe.Meets {
		kind = routes.Meets
	}
	name = strings.Trim(name[:min(len(name), longestName)], "-")
	return aimed{routes.Class{Name: name, Rule: -1, Kind: kind, Why: probe.Why, Request: q}, probe.From, 0}
}

// longestName leaves place for a number behind the name of a cohort.
const longestName = 56

// policies are the rules of a side's policies for the report. unmet says why no request meets some of them.
func policiesOf(side *Side, unmet map[int]string, dead map[int]bool) []reports.RoutingPolicy {
	var all []reports.RoutingPolicy
	for i, r := range side.Policies.Rules {
		says := "lets through"
		if r.Denies {
			says = "denies"
		}
		all = append(all, reports.RoutingPolicy{
			Source: r.Source.String(), Object: r.Object, Path: r.Path, If: r.If, Says: says, Unmet: unmet[i],
			Dead: dead[i],
		})
	}
	return all
}

// dead are the rules of a side's policies that no request can meet at any Service.
func (s *sender) dead(side *Side) map[int]bool {
	all := map[int]bool{}
	for i := range side.Policies.Rules {
		somewhere, alive := false, false
		for _, svc := range side.Plan.Services {
			for _, port := range svc.Ports {
				for _, w := range side.Plan.Behind(svc.Host(), svc.Namespace, "", port.Number) {
					t := target(w, svc, port.Number)
					if side.Policies.Dead(i, t) {
						somewhere = true
					} else if side.Policies.Concerns(i, t) {
						alive = true
					}
				}
			}
		}
		if somewhere && !alive {
			all[i] = true
		}
	}
	return all
}
