package routes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"
)

// findInPolicies looks for conditions of AuthorizationPolicies that nothing meets, or that meet more than they say.
func (t *Table) findInPolicies() {
	each(t.world, "security.istio.io/AuthorizationPolicy", func(o Object, spec *security.AuthorizationPolicy) {
		for i, r := range spec.Rules {
			for j, f := range r.From {
				at := o.at(fmt.Sprintf("spec.rules[%d].from[%d].source", i, j))
				t.findPrincipals(o, at, f.Source)
				t.findPlainCallers(o, at, f.Source)
				t.findAddresses(o, spec, at, f.Source)
				s := f.GetSource()
				t.findPolicyStars(o, at, slices.Concat(s.GetPrincipals(), s.GetNotPrincipals(),
					s.GetRequestPrincipals(), s.GetNotRequestPrincipals()))
			}
			for j, to := range r.To {
				at := o.at(fmt.Sprintf("spec.rules[%d].to[%d].operation", i, j))
				op := to.GetOperation()
				t.findPolicyStars(o, at, slices.Concat(op.GetHosts(), op.GetNotHosts(), op.GetMethods(),
					op.GetNotMethods(), op.GetPaths(), op.GetNotPaths()))
			}
		}
		t.findNotHTTP(o, spec)
	})
}

// findPrincipals looks for principals with the scheme of a SPIFFE ID, which Istio puts before each itself
// (pilot/pkg/security/authz/model/principal.go, and security/v1beta1/authorization_policy.proto: Source.principals).
func (t *Table) findPrincipals(o Object, at Source, s *security.Source) {
	for _, p := range slices.Concat(s.GetPrincipals(), s.GetNotPrincipals()) {
		if rest, ok := strings.CutPrefix(p, "spiffe://"); ok {
			t.find(PolicyPrincipal, o, at, -1,
				fmt.Sprintf("No caller is %s: Istio compares principals without spiffe:// before them.", p),
				"Write "+rest+".")
		}
	}
}

// findPlainCallers looks for identities of namespaces without sidecars: a caller has one only by mutual TLS.
func (t *Table) findPlainCallers(o Object, at Source, s *security.Source) {
	for _, n := range t.world.objects {
		ns := n.GetName()
		if n.GetKind() != "Namespace" || n.GetLabels()["istio-injection"] != "disabled" {
			continue
		}
		if slices.Contains(s.GetNamespaces(), ns) || slices.ContainsFunc(s.GetPrincipals(), func(p string) bool {
			return strings.Contains(p, "/ns/"+ns+"/")
		}) {
			t.find(PolicyPrincipal, o, at, -1,
				fmt.Sprintf("The namespace %s asks for no sidecars (istio-injection: disabled), and without one a "+
					"caller has no identity that the policy could see.", ns),
				"Give the callers sidecars, or let them in by another condition.")
		}
	}
}

// findPolicyStars looks for stars that are no wildcards: Istio takes one at the beginning or one at the end
// (pilot/pkg/security/authz/matcher/string.go), in paths also {*} and {**}, and in namespaces one anywhere.
func (t *Table) findPolicyStars(o Object, at Source, values []string) {
	for _, v := range values {
		rest := strings.NewReplacer("{**}", "", "{*}", "").Replace(v)
		if after, ok := strings.CutPrefix(rest, "*"); ok {
			rest = after
		} else {
			rest = strings.TrimSuffix(rest, "*")
		}
		if strings.Contains(rest, "*") {
			t.find(LiteralStar, o, at, -1,
				fmt.Sprintf("The policy asks for %s: a star is a wildcard at the beginning or at the end, and here "+
					"one is nothing but a star.", v),
				"Have one star, at one end; or write {*} for one element of a path, and {**} for several.")
		}
	}
}

// findAddresses looks for addresses outside of the cluster in a policy for pods that are no gateway: ipBlocks are about
// the other end of the connection, which is the gateway's pod for all that come through one.
func (t *Table) findAddresses(o Object, spec *security.AuthorizationPolicy, at Source, s *security.Source) {
	blocks := slices.Concat(s.GetIpBlocks(), s.GetNotIpBlocks())
	selector := spec.GetSelector().GetMatchLabels()
	if len(blocks) == 0 || slices.ContainsFunc(blocks, func(b string) bool { return !outside(b) }) ||
		t.world.isGateway(selector) {
		return
	}
	for _, svc := range t.world.services {
		if !svc.entry && svc.namespace == o.GetNamespace() && len(selector) > 0 &&
			subset(selector, t.world.podLabels(svc)) {
			t.find(PolicyAddress, o, at, -1,
				fmt.Sprintf("The policy asks for %s, and the pods' proxies see the address of the gateway's pod for "+
					"whoever comes through it.", strings.Join(blocks, ", ")),
				"Ask for remoteIpBlocks, with as many trusted proxies set as there are before the gateway; or have "+
					"the policy at the gateway.")
			return
		}
	}
}

// isGateway tells whether a policy's selector is that of a gateway's pods.
func (w *world) isGateway(selector map[string]string) bool {
	for _, gw := range w.gateways {
		if len(gw.selector) > 0 && subset(gw.selector, selector) {
			return true
		}
	}
	return strings.Contains(selector["istio"]+selector["app"], "gateway")
}

// outside tells whether a block has no address that a cluster's pods usually have.
func outside(block string) bool {
	p, err := netip.ParsePrefix(block)
	if err != nil {
		a, err := netip.ParseAddr(block)
		if err != nil {
			return false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	a := p.Addr()
	// 100.64.0.0/10 is what some providers number pods from (RFC 6598). A wide block has addresses of both sorts.
	carrier := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)
	return p.Bits() >= 8 && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsUnspecified() &&
		!carrier.Contains(a)
}

// findNotHTTP looks for what only HTTP has in policies for pods that have a port for something else too. There Istio
// leaves such a condition out of a rule that denies, and the whole rule out of a policy that allows
// (security/v1beta1/authorization_policy.proto; pilot/pkg/security/authz/model/model.go).
func (t *Table) findNotHTTP(o Object, spec *security.AuthorizationPolicy) {
	deny := spec.Action == security.AuthorizationPolicy_DENY
	if !deny && spec.Action != security.AuthorizationPolicy_ALLOW || len(spec.Rules) == 0 {
		return
	}
	at := -1
	for i, r := range spec.Rules {
		asks := asksHTTP(r)
		if !asks && !deny {
			return // it lets connections in
		}
		if asks && at < 0 {
			at = i
		}
	}
	if at < 0 {
		return
	}
	selector := spec.GetSelector().GetMatchLabels()
	for _, name := range t.world.serviceNames() {
		svc := t.world.services[name]
		if svc.entry || svc.namespace != o.GetNamespace() || !subset(selector, t.world.podLabels(svc)) {
			continue
		}
		for _, p := range svc.ports {
			if p.http {
				continue
			}
			text := fmt.Sprintf("Port %d %s of %s is not for HTTP, and has no paths, methods or headers: there the "+
				"policy lets nobody in.", p.number, p.name, svc.host)
			if deny {
				text = fmt.Sprintf("Port %d %s of %s is not for HTTP, and has no paths, methods or headers: there "+
					"the rule denies every connection that meets the rest of it.", p.number, p.name, svc.host)
			}
			t.find(PolicyNotHTTP, o, o.at(fmt.Sprintf("spec.rules[%d].to", at)), -1, text,
				"Name the pods' ports for HTTP in the operation, and have a rule of its own for the others.")
			return
		}
	}
}

// asksHTTP tells whether a policy's rule asks for something that only HTTP has, and names no port to which that is
// bound.
func asksHTTP(r *security.Rule) bool {
	for _, f := range r.From {
		if s := f.GetSource(); len(s.GetRequestPrincipals())+len(s.GetNotRequestPrincipals()) > 0 && len(r.To) == 0 {
			return true
		}
	}
	if len(r.To) == 0 {
		return slices.ContainsFunc(r.When, func(c *security.Condition) bool {
			return strings.HasPrefix(c.Key, "request.")
		})
	}
	return slices.ContainsFunc(r.To, func(to *security.Rule_To) bool {
		op := to.GetOperation()
		n := len(op.GetHosts()) + len(op.GetNotHosts()) + len(op.GetMethods()) + len(op.GetNotMethods()) +
			len(op.GetPaths()) + len(op.GetNotPaths())
		return n > 0 && len(op.GetPorts())+len(op.GetNotPorts()) == 0
	})
}
