package routes

import (
	"regexp"
	"strings"
)

// Sent returns a request as the workload gets it: with the path and the host that the rule which takes it rewrites. ok
// is false where nobody knows them, as after a rule of an HTTPRoute.
func (t Table) Sent(q Request) (out Request, ok bool) {
	i, taken := t.Match(q)
	if !taken {
		return q, true
	}
	r := t.Rules[i]
	if r.Rewrite == nil {
		return q, true
	}
	if r.object.GetKind() != "VirtualService" {
		return q, false
	}
	path, query := q.path()
	path, ok = r.rewritten(path)
	if query != "" {
		path += "?" + query
	}
	q.Path = path
	if r.Rewrite.Authority != "" {
		q.Host, q.Port = r.Rewrite.Authority, 0
	}
	return q, ok
}

// group finds the reference to a group in what replaces a regex's match, as RE2 writes it: \1.
var group = regexp.MustCompile(`\\([0-9])`)

// rewritten returns the path that a rule makes of one, as Envoy does: a rewrite replaces the prefix that the route
// matches by, all of the path where that is exact or a regex, and what its own regex matches
// (TranslateRoute in Istio's pilot/pkg/networking/core/route/route.go; RouteAction.prefix_rewrite in Envoy's API).
func (rule Rule) rewritten(path string) (string, bool) {
	w := rule.Rewrite
	if w.Regex != "" {
		re, err := regexp.Compile(w.Regex)
		if err != nil {
			return path, false
		}
		with := group.ReplaceAllString(strings.ReplaceAll(w.URI, "$", "$$"), "$${$1}")
		return re.ReplaceAllString(path, with), true
	}
	if w.URI == "" {
		return path, true
	}
	matched := "/"
	n := 0
	for _, c := range rule.Conditions {
		if c.Of != OfPath || c.Not {
			continue
		}
		if n++; c.Op == Prefix {
			matched = c.Value
		} else {
			matched = path
		}
	}
	if n > 1 || len(matched) > len(path) {
		return path, false // of a delegate: which of the two Envoy gets is not worked out here
	}
	return w.URI + path[len(matched):], true
}
