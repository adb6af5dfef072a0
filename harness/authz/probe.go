package authz

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"

	"github.com/canarylab/canarylab/harness/routes"
)

// A Probe is a request that meets a rule or just misses it, and who sends it.
type Probe struct {
	// Meets tells that it meets the rule, and Why what is special about it: "meets rules[0]", "the caller is another".
	Meets bool
	Why   string
	// Name says it in kebab case, "" for the plainest that meets the rule.
	Name string
	From Identity
	// Method, Path and Header are what the pods are to see.
	Method, Path string
	Header       map[string]string
}

// filler is the text of what a request has to have, whatever it is.
const filler = "canarylab"

// maxNamed bounds how many of the callers that a rule names send requests.
const maxNamed = 3

// Probes returns requests that show a rule at work at pods, which it has to be for: one that meets it from each caller
// that it names, one for each of its operations, one from a caller that it does not mean, and ones beside its paths and
// methods. who are the callers that there may be, the preferred ones first; callers that the rule names may be others.
// why says what keeps the rule from being met, empty where a probe meets it.
func (p Policies) Probes(rule int, t Target, who []Identity) (all []Probe, why string) {
	r := p.Rules[rule]
	one := p.all[r.policy]
	switch {
	case !one.decides():
		return nil, "its action neither lets through nor denies"
	case one.attached():
		return nil, "it is for a waypoint, a Gateway or a Service by targetRefs, and the lab has sidecars"
	case !one.concerns(t):
		return nil, "no pod here has the labels that it selects"
	}
	s := &prober{rule: r, namespace: one.GetNamespace(), target: t}
	named := r.named(s.namespace, false)
	who = append(slices.Clone(named), who...)
	if !s.meeting(named, who) {
		if r.asksForToken() {
			s.without(who)
		}
		return s.all, p.unmet(rule, t, who)
	}
	// Whom the rule excepts is whom it does not mean.
	s.missing(append(r.named(s.namespace, true), who...))
	return s.all, ""
}

// A prober gathers the probes of a rule.
type prober struct {
	rule      Rule
	namespace string
	target    Target
	all       []Probe
}

// add adds a probe if it surely meets the rule, or misses it, as it is to, and none of the kind is there.
func (s *prober) add(probe Probe, meeting bool) bool {
	got := meets(s.rule.rule, s.namespace, s.target, Request{
		From: probe.From, Authority: s.target.Host, Method: probe.Method, Path: probe.Path, Header: probe.Header,
	})
	if (got.is == yes) != meeting || got.is == maybe {
		return false
	}
	probe.Meets = meeting
	if slices.ContainsFunc(s.all, func(have Probe) bool {
		return have.From == probe.From && have.Method == probe.Method && have.Path == probe.Path &&
			len(have.Header) == len(probe.Header)
	}) {
		return false
	}
	s.all = append(s.all, probe)
	return true
}

// meeting adds probes that meet the rule, the plainest first, and tells whether there is one: from the first of who
// that may send it and from others that are named, and for each operation.
func (s *prober) meeting(named, who []Identity) bool {
	operations := s.rule.operations()
	for _, from := range who {
		if len(s.all) > 0 && (len(s.all) >= maxNamed || !slices.Contains(named, from)) {
			continue
		}
		for _, o := range operations {
			o.From, o.Why = from, "meets "+s.rule.Path
			if len(s.all) > 0 {
				o.Name = from.Account
			}
			if s.add(o, true) {
				break
			}
		}
	}
	if len(s.all) == 0 {
		return false
	}
	for i, o := range operations {
		o.From, o.Name = s.all[0].From, fmt.Sprint("way-", i+1)
		o.Why = "meets another operation of " + s.rule.Path
		s.add(o, true)
	}
	return true
}

// missing adds probes that miss the rule by one thing, each made of the first that meets it. others are callers whom it
// may not mean.
func (s *prober) missing(others []Identity) {
	first := s.all[0]
	for _, from := range others {
		miss := first
		miss.From, miss.Name = from, "not-"+from.Account
		miss.Why = "the caller is " + from.String() + ", whom " + s.rule.Path + " does not mean"
		if s.add(miss, false) {
			break
		}
	}
	paths, methods := s.rule.excepted()
	for _, path := range append(paths, strings.TrimSuffix(first.Path, "/")+"/"+filler, "/"+filler) {
		miss := first
		miss.Path, miss.Name, miss.Why = path, "other-path", "the path is "+path
		if s.add(miss, false) {
			break
		}
	}
	for _, method := range append(methods, http.MethodGet, http.MethodPost) {
		miss := first
		miss.Method, miss.Name, miss.Why = method, strings.ToLower(method), "the method is "+method
		if s.add(miss, false) {
			break
		}
	}
	if len(first.Header) > 0 {
		miss := first
		miss.Header, miss.Name, miss.Why = nil, "no-header", "the headers are absent"
		s.add(miss, false)
	}
}

// without adds what a rule asks for, but for the token.
func (s *prober) without(who []Identity) {
	for _, from := range who {
		for _, o := range s.rule.operations() {
			o.From, o.Name, o.Why = from, "no-token", "it has no token, and "+s.rule.Path+" asks for one"
			if s.add(o, false) {
				return
			}
		}
	}
}

// asksForToken tells whether what meets a rule has a token.
func (r Rule) asksForToken() bool {
	for _, f := range r.rule.From {
		if len(f.GetSource().GetRequestPrincipals()) > 0 {
			return true
		}
	}
	return slices.ContainsFunc(r.rule.When, func(c *security.Condition) bool {
		return strings.HasPrefix(c.Key, "request.auth.") && len(c.Values) > 0
	})
}

// Meant returns the requests that meet a rule but for the port that it asks for, as its author may have meant it: none
// where the port is not what keeps them from it.
func (p Policies) Meant(rule int, t Target, who []Identity) []Probe {
	if !p.Dead(rule, t) {
		return nil
	}
	r := p.Rules[rule]
	meant := p
	meant.Rules = slices.Clone(p.Rules)
	meant.Rules[rule].rule = withoutPorts(r.rule)
	all, _ := meant.Probes(rule, t, who)
	all = slices.DeleteFunc(all, func(probe Probe) bool { return !probe.Meets })
	for i := range all {
		all[i].Why = "is what " + r.Path + " asks for, but for its port"
	}
	return all
}

// Dead tells that no request to the pods can meet a rule, whoever sends it, because each of its operations asks for
// ports that they don't have.
func (p Policies) Dead(rule int, t Target) bool {
	r := p.Rules[rule].rule
	if t.Port == 0 || len(r.To) == 0 || !p.all[p.Rules[rule].policy].concerns(t) {
		return false
	}
	return !slices.ContainsFunc(r.To, func(to *security.Rule_To) bool {
		o := to.GetOperation()
		only := &security.Operation{Ports: o.GetPorts(), NotPorts: o.GetNotPorts()}
		return toOperation(only, t, Request{}).is != no
	})
}

func withoutPorts(r *security.Rule) *security.Rule {
	out := &security.Rule{From: r.From, When: r.When}
	for _, to := range r.To {
		o := to.GetOperation()
		out.To = append(out.To, &security.Rule_To{Operation: &security.Operation{
			Hosts: o.GetHosts(), NotHosts: o.GetNotHosts(), Methods: o.GetMethods(), NotMethods: o.GetNotMethods(),
			Paths: o.GetPaths(), NotPaths: o.GetNotPaths(),
		}})
	}
	return out
}

// unmet says why no probe meets a rule.
func (p Policies) unmet(rule int, t Target, who []Identity) string {
	r := p.Rules[rule]
	namespace := p.all[r.policy].GetNamespace()
	if p.Dead(rule, t) {
		return fmt.Sprintf("it asks for a port that the pods don't have: theirs is %d", t.Port)
	}
	address, source := false, len(r.rule.From) == 0
	for _, f := range r.rule.From {
		s := f.GetSource()
		address = address || len(s.GetIpBlocks())+len(s.GetRemoteIpBlocks())+len(s.GetNotIpBlocks())+
			len(s.GetNotRemoteIpBlocks()) > 0
		source = source || slices.ContainsFunc(who, func(from Identity) bool {
			return fromSource(s, namespace, Request{From: from}).is == yes
		})
	}
	for _, c := range r.rule.When {
		address = address || c.Key == "source.ip" || c.Key == "remote.ip"
	}
	switch {
	case r.asksForToken():
		return "it asks for a token, and the key that signs one is not in the manifests: give a cohort of a " +
			"canary.yaml the header with a token of yours"
	case address:
		return "it asks for the caller's address, and " + byAddress
	case !source:
		return "no caller of the lab's can be one that it asks for"
	}
	return "no request was found that meets it"
}

// named are the callers that a rule names, each once, or those that it excepts.
func (r Rule) named(namespace string, excepted bool) []Identity {
	var all []Identity
	add := func(id Identity) {
		if !slices.Contains(all, id) && id.Namespace != "" && id.Account != "" {
			all = append(all, id)
		}
	}
	plain := func(v string) bool { return v != "" && !strings.ContainsAny(v, "*/") }
	for _, f := range r.rule.From {
		s := f.GetSource()
		principals, accounts, namespaces := s.GetPrincipals(), s.GetServiceAccounts(), s.GetNamespaces()
		if excepted {
			principals, accounts, namespaces = s.GetNotPrincipals(), s.GetNotServiceAccounts(), s.GetNotNamespaces()
		}
		for _, v := range principals {
			if id, ok := parsePrincipal(v); ok {
				add(id)
			} else if parts := strings.Split(v, "/"); len(parts) == 5 && parts[0] == TrustDomain && plain(parts[2]) &&
				parts[4] == "*" {
				add(Identity{parts[2], "default"})
			}
		}
		for _, v := range accounts {
			if ns, name, ok := strings.Cut(v, "/"); ok {
				add(Identity{ns, name})
			} else {
				add(Identity{namespace, v})
			}
		}
		for _, v := range namespaces {
			if plain(v) {
				add(Identity{v, "default"})
			}
		}
	}
	for _, c := range r.rule.When {
		values := c.Values
		if excepted {
			values = c.NotValues
		}
		for _, v := range values {
			switch {
			case c.Key == "source.principal":
				if id, ok := parsePrincipal(v); ok {
					add(id)
				}
			case c.Key == "source.namespace" && plain(v):
				add(Identity{v, "default"})
			}
		}
	}
	return all
}

// Named are the callers that the rules of all policies name by their principals, each once, in their order.
func (p Policies) Named() []Named {
	var all []Named
	for i, r := range p.Rules {
		for _, f := range r.rule.From {
			for _, v := range f.GetSource().GetPrincipals() {
				id, ok := parsePrincipal(v)
				if ok && !slices.ContainsFunc(all, func(n Named) bool { return n.Identity == id }) {
					all = append(all, Named{id, i})
				}
			}
		}
	}
	return all
}

// A Named is a caller that a rule names: the first one that does, as index in Policies.Rules.
type Named struct {
	Identity
	Rule int
}

// UnknownAccount is the kind of what Unknown finds.
const UnknownAccount routes.FindingKind = "unknown-account"

// Unknown finds rules that name a service account which no workload has, in a namespace of which workloads are known:
// who has their accounts.
func (p Policies) Unknown(who []Identity) []routes.Finding {
	var all []routes.Finding
	for _, n := range p.Named() {
		theirs := slices.ContainsFunc(who, func(w Identity) bool { return w.Namespace == n.Namespace })
		if !theirs || slices.Contains(who, n.Identity) {
			continue
		}
		r := p.Rules[n.Rule]
		all = append(all, routes.Finding{
			Kind: UnknownAccount, Object: r.Object, Source: r.Source, Rule: -1,
			Text: fmt.Sprintf("%s names %s, and no workload of namespace %s here has the service account %s.", r.Path,
				n.Principal(), n.Namespace, n.Account),
			Do: "Name an account that a workload has, or add the workload's manifest.",
		})
	}
	return all
}
