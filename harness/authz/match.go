package authz

import (
	"slices"
	"strconv"
	"strings"

	security "istio.io/api/security/v1beta1"
)

// An is is an answer that may be unknown.
type is int

const (
	no is = iota
	maybe
	yes
)

// An answer tells whether something holds, and why that is not known.
type answer struct {
	is  is
	why string
}

func of(ok bool) answer {
	if ok {
		return answer{is: yes}
	}
	return answer{}
}

func unknown(why string) answer { return answer{maybe, why} }

// not turns an answer around.
func (a answer) not() answer { return answer{yes - a.is, a.why} }

// every holds if all hold, and any if one does.
func every(all ...answer) answer {
	least := answer{is: yes}
	for _, a := range all {
		if a.is < least.is {
			least = a
		}
	}
	return least
}

func some(all ...answer) answer {
	var most answer
	for _, a := range all {
		if a.is > most.is {
			most = a
		}
	}
	return most
}

// meets tells whether a request meets a rule of a policy in a namespace.
func meets(r *security.Rule, namespace string, t Target, q Request) answer {
	from, to := answer{is: yes}, answer{is: yes}
	if len(r.From) > 0 {
		from = answer{}
		for _, f := range r.From {
			from = some(from, fromSource(f.GetSource(), namespace, q))
		}
	}
	if len(r.To) > 0 {
		to = answer{}
		for _, o := range r.To {
			to = some(to, toOperation(o.GetOperation(), t, q))
		}
	}
	all := []answer{from, to}
	for _, c := range r.When {
		all = append(all, condition(c, namespace, t, q))
	}
	return every(all...)
}

// field is one of a source or an operation: values of which one has to hold, or none of which may.
func field(values []string, not bool, holds func(string) answer) answer {
	if len(values) == 0 {
		return answer{is: yes}
	}
	var got answer
	for _, v := range values {
		got = some(got, holds(v))
	}
	if not {
		return got.not()
	}
	return got
}

const (
	byAddress = "the lab's callers have other addresses than yours"
)

func fromSource(s *security.Source, namespace string, q Request) answer {
	principal := func(v string) answer { return of(q.From != Identity{} && matches(v, q.From.Principal())) }
	account := func(v string) answer {
		ns, name, ok := strings.Cut(v, "/")
		if !ok {
			ns, name = namespace, v
		}
		return of(q.From == Identity{ns, name})
	}
	ns := func(v string) answer { return of(q.From != Identity{} && matches(v, q.From.Namespace)) }
	token := func(v string) answer { return of(q.token.principal() != "" && matches(v, q.token.principal())) }
	address := func(string) answer { return unknown(byAddress) }
	return every(
		field(s.GetPrincipals(), false, principal), field(s.GetNotPrincipals(), true, principal),
		field(s.GetServiceAccounts(), false, account), field(s.GetNotServiceAccounts(), true, account),
		field(s.GetNamespaces(), false, ns), field(s.GetNotNamespaces(), true, ns),
		field(s.GetRequestPrincipals(), false, token), field(s.GetNotRequestPrincipals(), true, token),
		field(s.GetIpBlocks(), false, address), field(s.GetNotIpBlocks(), true, address),
		field(s.GetRemoteIpBlocks(), false, address), field(s.GetNotRemoteIpBlocks(), true, address),
	)
}

func toOperation(o *security.Operation, t Target, q Request) answer {
	path, _, _ := strings.Cut(q.Path, "?")
	host := func(v string) answer { return of(matches(strings.ToLower(v), strings.ToLower(q.Authority))) }
	method := func(v string) answer { return of(matches(v, q.Method)) }
	at := func(v string) answer { return of(matchesPath(v, path)) }
	port := func(v string) answer {
		if t.Port == 0 {
			return unknown("nobody knows which of the pods' ports it comes to")
		}
		return of(v == strconv.Itoa(t.Port))
	}
	return every(
		field(o.GetHosts(), false, host), field(o.GetNotHosts(), true, host),
		field(o.GetMethods(), false, method), field(o.GetNotMethods(), true, method),
		field(o.GetPaths(), false, at), field(o.GetNotPaths(), true, at),
		field(o.GetPorts(), false, port), field(o.GetNotPorts(), true, port),
	)
}

// condition tells whether a request meets a condition of a rule's when.
func condition(c *security.Condition, namespace string, t Target, q Request) answer {
	holds := func(string) answer { return unknown("its key " + c.Key + " is not looked at") }
	switch key := c.Key; {
	case key == "source.principal":
		holds = func(v string) answer { return of(q.From != Identity{} && matches(v, q.From.Principal())) }
	case key == "source.namespace":
		holds = func(v string) answer { return of(q.From != Identity{} && matches(v, q.From.Namespace)) }
	case key == "source.serviceAccount":
		return every(fromSource(&security.Source{ServiceAccounts: c.Values, NotServiceAccounts: c.NotValues}, namespace,
			q))
	case key == "destination.port":
		return toOperation(&security.Operation{Ports: c.Values, NotPorts: c.NotValues}, t, q)
	case strings.HasPrefix(key, "request.auth."):
		holds = func(v string) answer {
			return of(slices.ContainsFunc(q.token.of(key), func(text string) bool { return matches(v, text) }))
		}
	case strings.HasPrefix(key, "request.headers["):
		name := strings.TrimSuffix(strings.TrimPrefix(key, "request.headers["), "]")
		holds = func(v string) answer {
			got, ok := q.header(name)
			return of(ok && matches(v, got))
		}
	case key == "source.ip", key == "remote.ip":
		holds = func(string) answer { return unknown(byAddress) }
	}
	return every(field(c.Values, false, holds), field(c.NotValues, true, holds))
}

// header returns a header's value, and whether the request has it.
func (q Request) header(name string) (string, bool) {
	for have, v := range q.Header {
		if strings.EqualFold(have, name) {
			return v, true
		}
	}
	return "", false
}

// matches compares a text with a value of a policy: exact, or with a star at its beginning or its end. A lone star is
// any text that is not empty (Istio's StringMatcher in pilot/pkg/security/authz/matcher).
func matches(value, text string) bool {
	switch {
	case value == "*":
		return text != ""
	case strings.HasPrefix(value, "*"):
		return strings.HasSuffix(text, value[1:])
	case strings.HasSuffix(value, "*"):
		return strings.HasPrefix(text, strings.TrimSuffix(value, "*"))
	}
	return value == text
}

// matchesPath is matches for a path, which may be a template: {*} stands for one element of it, and {**} for any number
// of them.
func matchesPath(value, path string) bool {
	if !strings.Contains(value, "{") {
		return matches(value, path)
	}
	return matchesElements(strings.Split(value, "/"), strings.Split(path, "/"))
}

func matchesElements(template, path []string) bool {
	switch {
	case len(template) == 0:
		return len(path) == 0
	case template[0] == "{**}":
		for n := range len(path) + 1 {
			if matchesElements(template[1:], path[n:]) {
				return true
			}
		}
		return false
	case len(path) == 0 || template[0] != path[0] && (template[0] != "{*}" || path[0] == ""):
		return false
	}
	return matchesElements(template[1:], path[1:])
}

// parsePrincipal reads a principal that names one identity of the lab's trust domain.
func parsePrincipal(text string) (Identity, bool) {
	parts := strings.Split(text, "/")
	if len(parts) != 5 || parts[0] != TrustDomain || parts[1] != "ns" || parts[3] != "sa" ||
		strings.Contains(text, "*") || slices.Contains(parts, "") {
		return Identity{}, false
	}
	return Identity{parts[2], parts[4]}, true
}
