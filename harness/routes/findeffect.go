package routes

import (
	"fmt"
	"net/http"
	"regexp/syntax"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// findFaultFirst looks for retries and timeouts beside a fault. Envoy's fault filter is before its router, which
// retries and has the timeout: an injected abort is not tried again, and an injected delay not cut off.
func (t *Table) findFaultFirst(i int) {
	r := t.Rules[i]
	f := r.Fault
	if f == nil {
		return
	}
	if f.AbortPercent > 0 && r.Retries != nil && r.Retries.Attempts > 0 {
		t.findRule(FaultFirst, i,
			fmt.Sprintf("%s aborts %.4g %% of the requests, and its retries try none of them again: the proxy injects "+
				"faults before it retries.", r.Path, f.AbortPercent),
			"To see retries at work, have the app fail, or inject the fault on the pods' side.")
	}
	if f.DelayPercent > 0 && r.Timeout != nil && *r.Timeout > 0 && f.Delay >= *r.Timeout {
		t.findRule(FaultFirst, i,
			fmt.Sprintf("%s delays requests by %s, and its timeout of %s does not end that: the proxy injects faults "+
				"before it counts.", r.Path, f.Delay, *r.Timeout),
			"To see the timeout at work, have the app answer late, or inject the delay on the pods' side.")
	}
}

// findNoTimeToRetry looks for tries that may take all of the timeout: what is slow is never tried again.
func (t *Table) findNoTimeToRetry(i int) {
	r := t.Rules[i]
	if r.Retries == nil || r.Retries.Attempts == 0 || r.Timeout == nil || *r.Timeout == 0 ||
		r.Retries.PerTry < *r.Timeout {
		return
	}
	t.findRule(NoTimeToRetry, i,
		fmt.Sprintf("%s leaves %s for one try and %s for all of them: what is slow is never tried again.", r.Path,
			r.Retries.PerTry, *r.Timeout),
		"Have perTryTimeout be a part of the timeout.")
}

// findRootRewrite looks for rewrites where nothing asks for a path: Istio's match is then the prefix /, and the rewrite
// replaces that alone.
func (t *Table) findRootRewrite(i int) {
	r := t.Rules[i]
	if r.Rewrite == nil || r.Rewrite.URI == "" || r.Rewrite.Regex != "" || strings.HasSuffix(r.Rewrite.URI, "/") ||
		slices.ContainsFunc(r.Conditions, func(c Condition) bool { return c.Of == OfPath }) {
		return
	}
	t.findRule(RewriteSlash, i,
		fmt.Sprintf("%s makes /x to %sx: without a match of a path the rewrite replaces the first slash.", r.Path,
			r.Rewrite.URI),
		fmt.Sprintf("Write %s/ to put it before each path, or a uriRegexRewrite to replace the path.", r.Rewrite.URI))
}

// findHTTPToTLS looks for rules of gateways that send to a port where pods want TLS of the callers' own. The gateway
// has no TLS but the mesh's for it, unless a DestinationRule says so, and that ends at the pods' proxies.
func (t *Table) findHTTPToTLS(i int) {
	r := t.Rules[i]
	if !slices.ContainsFunc(r.Gateways, func(g string) bool { return g != Mesh }) {
		return
	}
	for _, d := range r.Action.Destinations {
		svc := t.world.serviceOf(d.Host)
		if svc == nil || svc.entry {
			continue
		}
		p, ok := svc.port(d.Port)
		if d.Port == 0 && len(svc.ports) == 1 {
			p, ok = svc.ports[0], true
		}
		if !ok || !p.tls || t.world.originates(svc, p.number) {
			continue
		}
		t.findRule(HTTPToTLS, i,
			fmt.Sprintf("%s sends plain HTTP to port %d %s of %s, where the pods want TLS: they answer 400 or hang up.",
				r.Path, p.number, p.name, svc.host),
			"Send to a port for HTTP, or have a DestinationRule with tls.mode: SIMPLE for the port.")
		return
	}
}

// safelisted are headers that a browser sends with a preflight, or in the request that it asks for without asking
// (Fetch Standard: CORS-safelisted request-header). No rule's header among them keeps a preflight away.
var safelisted = []string{"origin", "accept", "accept-language", "user-agent", "host"}

// findPreflight looks for rules with a CORS policy that a preflight does not meet: it is an OPTIONS request without
// any of the headers of the request that it asks for, and the proxy answers it where its route has a CORS policy.
func (t *Table) findPreflight(i int) {
	r := t.Rules[i]
	if !r.cors {
		return
	}
	for _, s := range t.world.samples {
		if s.rule != i {
			continue
		}
		q := s.request
		q.Method, q.Header = http.MethodOptions, map[string]string{}
		for name, v := range s.request.Header {
			if slices.Contains(safelisted, strings.ToLower(name)) {
				q.Header[name] = v
			}
		}
		takes, ok := t.Match(q)
		if ok && t.Rules[takes].cors {
			continue
		}
		what := "no rule takes it, so that it gets 404"
		if ok {
			what = t.Rules[takes].name(r) + " takes it, which has no CORS policy"
		}
		t.findRule(Preflight, i,
			fmt.Sprintf("%s has a CORS policy, and a browser's preflight does not meet it, because that is an OPTIONS "+
				"request without headers of the page's own: %s.", r.Path, what),
			"Add a rule with the CORS policy for the method OPTIONS and the same path, without conditions on headers.")
		return
	}
}

// findStars looks for stars that are no wildcards.
func (t *Table) findStars(i int) {
	r := t.Rules[i]
	for _, c := range r.Conditions {
		plain := c.Op == Exact || c.Op == Prefix || c.Op == PathPrefix
		switch {
		case (c.Of == OfPath || c.Of == OfAuthority) && plain && strings.Contains(c.Value, "*"):
			t.findRule(LiteralStar, i,
				fmt.Sprintf("%s asks that %s, and there a star is a star and no wildcard.", r.Path, c),
				"Leave the star out of a prefix, or write a regex, in which .* is anything.")
		case c.Op == Regex && onlyStar(c.Value):
			t.findRule(LiteralStar, i,
				fmt.Sprintf("%s asks that %s, which is nothing but the text *.", r.Path, c),
				"Write .* for any text, or leave the comparison out to ask only whether it is there.")
		}
	}
}

// onlyStar tells whether a regex lets only the text * through.
func onlyStar(text string) bool {
	re, err := syntax.Parse(text, syntax.Perl)
	return err == nil && re.Simplify().Op == syntax.OpLiteral && string(re.Simplify().Rune) == "*"
}

// findHeaderValues looks for values in HTTPRoutes that no header can have (RFC 9110, 5.5: field values have no
// control characters but the tabulator). Istio takes no such HTTPRoute, or Envoy refuses it. Those of VirtualServices
// are refused by Istio's validation.
func (t *Table) findHeaderValues() {
	bad := func(v string) bool {
		return strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
	}
	each(t.world, groupGateway+"/HTTPRoute", func(o Object, spec *gatewayv1.HTTPRouteSpec) {
		look := func(path string, filters []gatewayv1.HTTPRouteFilter) {
			for j, f := range filters {
				for side, h := range map[string]*gatewayv1.HTTPHeaderFilter{
					"requestHeaderModifier":  f.RequestHeaderModifier,
					"responseHeaderModifier": f.ResponseHeaderModifier,
				} {
					if h == nil {
						continue
					}
					for _, one := range slices.Concat(h.Set, h.Add) {
						if bad(one.Value) {
							t.find(HeaderValue, o, o.at(fmt.Sprintf("%s.filters[%d].%s", path, j, side)), -1,
								fmt.Sprintf("The value of the header %s has a line break or another control "+
									"character: no proxy takes the route.", one.Name),
								"Write it on one line. In YAML, > folds lines into one, and >- leaves no break at "+
									"the end.")
						}
					}
				}
			}
		}
		for i, rule := range spec.Rules {
			path := fmt.Sprintf("spec.rules[%d]", i)
			look(path, rule.Filters)
			for j, ref := range rule.BackendRefs {
				look(fmt.Sprintf("%s.backendRefs[%d]", path, j), ref.Filters)
			}
		}
	})
}
