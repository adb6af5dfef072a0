package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// A precedence orders the matches of HTTPRoutes: the Gateway API's HTTPRouteRule.matches says how, and Istio does
// it in sortHTTPRoutes (pilot/pkg/config/kube/gateway/conversion.go). Regexes come last, which the API leaves open.
type precedence struct {
	path, length, method, headers, queries int
}

func (p precedence) compare(o precedence) int {
	return cmp.Or(
		cmp.Compare(o.path, p.path), cmp.Compare(o.length, p.length), cmp.Compare(o.method, p.method),
		cmp.Compare(o.headers, p.headers), cmp.Compare(o.queries, p.queries),
	)
}

// addHTTPRoute adds the rules of an HTTPRoute, and a binding for each of its parents.
func (t *Table) addHTTPRoute(o Object) error {
	var spec gatewayv1.HTTPRouteSpec
	if err := decode(o, &spec); err != nil {
		return err
	}
	bindings := t.parents(o, &spec)
	var hosts, gateways []string
	for _, b := range bindings {
		hosts = append(hosts, b.hosts...)
		gateways = append(gateways, b.gateways...)
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	for i, rule := range spec.Rules {
		matches := rule.Matches
		if len(matches) == 0 {
			matches = []gatewayv1.HTTPRouteMatch{{}} // the API's default: the prefix /
		}
		for m, match := range matches {
			r := Rule{
				Object: o.ref(), Path: fmt.Sprintf("rules[%d]", i), Hosts: hosts,
				Gateways: slices.Compact(slices.Sorted(slices.Values(gateways))), ShadowedBy: -1, object: o,
			}
			if len(rule.Matches) > 0 {
				r.Path += fmt.Sprintf(".matches[%d]", m)
			}
			if rule.Name != nil {
				r.Name = string(*rule.Name)
			}
			r.Source = o.at("spec." + r.Path)
			r.Conditions, r.rank = kubeConditions(match)
			r.Action = kubeAction(rule, o.GetNamespace())
			r.Effects = kubeEffects(rule, o.GetNamespace())
			for _, b := range bindings {
				b.rules = append(b.rules, len(t.Rules))
			}
			t.Rules = append(t.Rules, r)
		}
		t.findBackends(o, rule, i, gateways)
	}
	return nil
}

// parents returns the bindings of an HTTPRoute to its parents: Services, which stand for the mesh, and gateways.
func (t *Table) parents(o Object, spec *gatewayv1.HTTPRouteSpec) []*binding {
	var all []*binding
	for i, ref := range spec.ParentRefs {
		b := &binding{Object: o, created: o.GetCreationTimestamp().Time, kube: true}
		ns := o.GetNamespace()
		if ref.Namespace != nil {
			ns = string(*ref.Namespace)
		}
		if ref.Port != nil {
			b.port = int(*ref.Port)
		}
		if ref.SectionName != nil {
			b.section = string(*ref.SectionName)
		}
		kind := "Gateway"
		if ref.Kind != nil {
			kind = string(*ref.Kind)
		}
		switch kind {
		case "Service":
			b.gateways, b.hosts = []string{Mesh}, []string{qualify(string(ref.Name), ns)}
			if _, ok := t.world.services[b.hosts[0]]; !ok {
				t.find(UnknownHost, o, o.at(fmt.Sprintf("spec.parentRefs[%d]", i)), -1,
					fmt.Sprintf("The parent Service %s/%s is not among the objects.", ns, ref.Name),
					"Add the Service, or correct the parent's name and namespace.")
			}
		case "Gateway":
			b.gateways = []string{ns + "/" + string(ref.Name)}
			for _, h := range spec.Hostnames {
				b.hosts = append(b.hosts, strings.ToLower(string(h)))
			}
			if len(b.hosts) == 0 {
				b.hosts = []string{"*"}
			}
		default:
			t.find(NotLookedAt, o, o.at(fmt.Sprintf("spec.parentRefs[%d]", i)), -1,
				fmt.Sprintf("The parent is a %s, and only parents that are a Service or a Gateway are looked at.",
					kind),
				"Look at it in another way: no request is sent for it.")
			continue
		}
		all = append(all, b)
		t.world.bindings = append(t.world.bindings, b)
	}
	return all
}

// kubeConditions returns the conditions of a match of an HTTPRoute and its precedence. Of several headers or query
// parameters of one name only the first counts, by the API.
func kubeConditions(m gatewayv1.HTTPRouteMatch) ([]Condition, precedence) {
	path := Condition{Of: OfPath, Op: PathPrefix, Value: "/"}
	rank := precedence{path: 2}
	if m.Path != nil {
		if m.Path.Value != nil {
			path.Value = *m.Path.Value
		}
		if m.Path.Type != nil {
			switch *m.Path.Type {
			case gatewayv1.PathMatchExact:
				path.Op, rank.path = Exact, 3
			case gatewayv1.PathMatchRegularExpression:
				path.Op, rank.path = Regex, 1
			}
		}
	}
	if path.Op == PathPrefix && path.Value != "/" {
		path.Value = strings.TrimSuffix(path.Value, "/")
	}
	rank.length = len(path.Value)
	all := []Condition{path}
	if m.Method != nil {
		all = append(all, Condition{Of: OfMethod, Op: Exact, Value: string(*m.Method)})
		rank.method = 1
	}
	seen := map[string]bool{}
	add := func(of Subject, name, value string, regex bool) bool {
		key := string(of) + name
		if of == OfHeader {
			key = strings.ToLower(key)
		}
		if seen[key] {
			return false
		}
		seen[key] = true
		op := Exact
		if regex {
			op = Regex
		}
		all = append(all, Condition{Of: of, Name: name, Op: op, Value: value})
		return true
	}
	for _, h := range m.Headers {
		if add(OfHeader, string(h.Name), h.Value, h.Type != nil && *h.Type == gatewayv1.HeaderMatchRegularExpression) {
			rank.headers++
		}
	}
	for _, q := range m.QueryParams {
		if add(OfQuery, string(q.Name), q.Value, q.Type != nil &&
			*q.Type == gatewayv1.QueryParamMatchRegularExpression) {
			rank.queries++
		}
	}
	return all, rank
}

// kubeAction returns what a rule of an HTTPRoute does, as convertHTTPRoute in Istio's
// pilot/pkg/config/kube/gateway/conversion.go makes it: without a weight above 0 the proxy answers 500.
func kubeAction(rule gatewayv1.HTTPRouteRule, ns string) Action {
	for _, f := range rule.Filters {
		if r := f.RequestRedirect; r != nil {
			return kubeRedirect(r)
		}
	}
	sum := 0
	for _, ref := range rule.BackendRefs {
		sum += weightOf(ref.BackendRef)
	}
	if sum == 0 {
		return Action{Kind: ActionDirect, Status: 500}
	}
	a := Action{Kind: ActionRoute}
	for _, ref := range rule.BackendRefs {
		if w := weightOf(ref.BackendRef); w > 0 {
			d := backendOf(ref.BackendObjectReference, ns)
			d.Percent = 100 * float64(w) / float64(sum)
			a.Destinations = append(a.Destinations, d)
		}
	}
	return a
}

func weightOf(ref gatewayv1.BackendRef) int {
	if ref.Weight == nil {
		return 1
	}
	return int(*ref.Weight)
}

// backendOf returns the destination of a reference to a Service or, by Istio's kind Hostname, to a host.
func backendOf(ref gatewayv1.BackendObjectReference, ns string) Destination {
	d := Destination{Host: strings.ToLower(string(ref.Name))}
	if ref.Namespace != nil {
		ns = string(*ref.Namespace)
	}
	if ref.Kind == nil || *ref.Kind != "Hostname" {
		d.Host = qualify(string(ref.Name), ns)
	}
	if ref.Port != nil {
		d.Port = int(*ref.Port)
	}
	return d
}

func kubeRedirect(r *gatewayv1.HTTPRequestRedirectFilter) Action {
	a := Action{Kind: ActionRedirect, Status: 302}
	if r.StatusCode != nil {
		a.Status = *r.StatusCode
	}
	if r.Scheme != nil {
		a.Location = *r.Scheme + "://"
	}
	if r.Hostname != nil {
		a.Location += string(*r.Hostname)
	}
	if r.Port != nil {
		a.Location += fmt.Sprintf(":%d", *r.Port)
	}
	if p := r.Path; p != nil {
		if p.ReplaceFullPath != nil {
			a.Location += *p.ReplaceFullPath
		} else if p.ReplacePrefixMatch != nil {
			a.Location += *p.ReplacePrefixMatch
		}
	}
	return a
}

func kubeEffects(rule gatewayv1.HTTPRouteRule, ns string) Effects {
	var e Effects
	duration := func(d *gatewayv1.Duration) time.Duration {
		if d == nil {
			return 0
		}
		parsed, _ := time.ParseDuration(string(*d))
		return parsed
	}
	if rule.Timeouts != nil {
		if d := cmp.Or(duration(rule.Timeouts.Request), duration(rule.Timeouts.BackendRequest)); d > 0 {
			e.Timeout = &d
		}
	}
	if rule.Retry != nil {
		e.Retries = &Retries{Attempts: 2} // Istio's default where a retry is set
		if rule.Retry.Attempts != nil {
			e.Retries.Attempts = *rule.Retry.Attempts
		}
		if rule.Timeouts != nil {
			e.Retries.PerTry = duration(rule.Timeouts.BackendRequest)
		}
	}
	for _, f := range rule.Filters {
		e.addFilter(f, ns, "")
	}
	for _, ref := range rule.BackendRefs {
		for _, f := range ref.Filters {
			e.addFilter(f, ns, " for "+string(ref.Name))
		}
	}
	return e
}

func (e *Effects) addFilter(f gatewayv1.HTTPRouteFilter, ns, where string) {
	if m := f.RequestMirror; m != nil {
		d := backendOf(m.BackendRef, ns)
		d.Percent = 100
		if m.Percent != nil {
			d.Percent = float64(*m.Percent)
		}
		if fr := m.Fraction; fr != nil {
			d.Percent = float64(fr.Numerator)
			if fr.Denominator != nil && *fr.Denominator > 0 {
				d.Percent = 100 * float64(fr.Numerator) / float64(*fr.Denominator)
			}
		}
		if d.Percent > 0 {
			e.Mirrors = append(e.Mirrors, Mirror{d})
		}
	}
	if r := f.URLRewrite; r != nil {
		e.Rewrite = &Rewrite{}
		if r.Hostname != nil {
			e.Rewrite.Authority = string(*r.Hostname)
		}
		if p := r.Path; p != nil && p.ReplaceFullPath != nil {
			e.Rewrite.URI, e.Rewrite.Regex = *p.ReplaceFullPath, "/.*"
		} else if p != nil && p.ReplacePrefixMatch != nil {
			e.Rewrite.URI = cmp.Or(strings.TrimSuffix(*p.ReplacePrefixMatch, "/"), "/")
		}
	}
	for _, side := range []struct {
		name string
		h    *gatewayv1.HTTPHeaderFilter
	}{{"request", f.RequestHeaderModifier}, {"response", f.ResponseHeaderModifier}} {
		if side.h == nil {
			continue
		}
		for _, h := range side.h.Set {
			e.Headers = append(e.Headers, "set "+side.name+" "+string(h.Name)+where)
		}
		for _, h := range side.h.Add {
			e.Headers = append(e.Headers, "add "+side.name+" "+string(h.Name)+where)
		}
		for _, name := range side.h.Remove {
			e.Headers = append(e.Headers, "remove "+side.name+" "+name+where)
		}
	}
}
