package routes

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	networking "istio.io/api/networking/v1alpha3"
)

// A Condition is one thing that a match asks of a request.
type Condition struct {
	// Of is what is looked at. Name is that of the header or query parameter.
	Of   Subject
	Name string
	// Op compares it with Value.
	Op    Op
	Value string
	// Not turns the condition around (withoutHeaders).
	Not bool
	// IgnoreCase compares a path without regard to case.
	IgnoreCase bool
}

// A Subject is a part of a request.
type Subject string

// The parts of a request that a match may look at.
const (
	OfPath      Subject = "uri"
	OfMethod    Subject = "method"
	OfAuthority Subject = "authority"
	OfScheme    Subject = "scheme"
	OfHeader    Subject = "header"
	OfQuery     Subject = "query parameter"
	// OfClaim is a claim of the caller's token (a header @request.auth.claims...). No request is built for it.
	OfClaim Subject = "claim"
)

// An Op compares a part of a request with a condition's value.
type Op string

// The comparisons.
const (
	Exact  Op = "exact"
	Prefix Op = "prefix"
	// PathPrefix is the Gateway API's prefix of whole path elements: /api matches /api/x, and not /apiary.
	PathPrefix Op = "path-prefix"
	// Regex is RE2, and has to match all of the text.
	Regex Op = "regex"
	// Present asks only whether there is a value.
	Present Op = "present"
)

// String says the condition in words: "header end-user is jason".
func (c Condition) String() string {
	what := string(c.Of)
	if c.Name != "" {
		what += " " + c.Name
	}
	is, op := " is ", " "
	switch {
	case c.Op == Present && c.Not:
		return what + " is absent"
	case c.Op == Present:
		return what + " is present"
	case c.Op == Prefix:
		op = " begins with "
	case c.Op == PathPrefix:
		op = " is or lies below "
	case c.Op == Regex:
		op = " matches "
	}
	if c.Op == Exact {
		if op = is; c.Not {
			op = " is not "
		}
	} else if c.Not {
		what = "not: " + what
	}
	text := what + op + c.Value
	if c.IgnoreCase {
		text += " (in any case)"
	}
	return text
}

// conditionsOf returns the conditions of a match of a VirtualService, as TranslateRouteMatch in Istio's
// pilot/pkg/networking/core/route/route.go makes them for Envoy.
func conditionsOf(m *networking.HTTPMatchRequest) []Condition {
	var all []Condition
	add := func(of Subject, name string, s *networking.StringMatch, not bool) {
		c := Condition{Of: of, Name: name, Not: not}
		switch v := s.GetMatchType().(type) {
		case *networking.StringMatch_Exact:
			c.Op, c.Value = Exact, v.Exact
		case *networking.StringMatch_Prefix:
			c.Op, c.Value = Prefix, v.Prefix
		case *networking.StringMatch_Regex:
			c.Op, c.Value = Regex, v.Regex
			// Istio makes a lone * ask for presence (canBeConvertedToPresentMatch).
			if v.Regex == "*" && of != OfPath {
				c.Op, c.Value = Present, ""
			}
		default:
			if of == OfPath || of == OfMethod || of == OfAuthority || of == OfScheme {
				return // each request has one
			}
			c.Op = Present
		}
		if of == OfPath {
			// Envoy ignores the setting for a regex.
			c.IgnoreCase = m.IgnoreUriCase && c.Op != Regex
		}
		all = append(all, c)
	}
	add(OfPath, "", m.Uri, false)
	add(OfMethod, "", m.Method, false)
	add(OfScheme, "", m.Scheme, false)
	add(OfAuthority, "", m.Authority, false)
	for _, side := range []struct {
		headers map[string]*networking.StringMatch
		not     bool
	}{{m.Headers, false}, {m.WithoutHeaders, true}} {
		for _, name := range slices.Sorted(maps.Keys(side.headers)) {
			of, shown := OfHeader, name
			switch strings.ToLower(name) {
			case ":authority", "host":
				of, shown = OfAuthority, ""
			case ":method":
				of, shown = OfMethod, ""
			case ":scheme":
				of, shown = OfScheme, ""
			}
			if strings.HasPrefix(strings.ToLower(name), "@request.auth.claims") {
				of = OfClaim
			}
			add(of, shown, side.headers[name], side.not)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.QueryParams)) {
		add(OfQuery, name, m.QueryParams[name], false)
	}
	return all
}

// holds tells whether a request meets the condition. A claim is never met: no request has a token.
func (c Condition) holds(r Request) bool {
	v, ok := r.value(c)
	if !ok && (!c.Not || c.Op == Present) {
		return c.Not
	}
	// withoutHeaders takes an absent header for an empty one, as Istio tells Envoy to (TreatMissingHeaderAsEmpty).
	return c.test(v) != c.Not
}

// test compares a value, without regard to Not.
func (c Condition) test(v string) bool {
	want := c.Value
	if c.IgnoreCase {
		v, want = strings.ToLower(v), strings.ToLower(want)
	}
	switch c.Op {
	case Exact:
		return v == want
	case Prefix:
		return strings.HasPrefix(v, want)
	case PathPrefix:
		want = strings.TrimSuffix(want, "/")
		return v == want || strings.HasPrefix(v, want+"/")
	case Regex:
		re := compile(c.Value)
		return re != nil && re.MatchString(v)
	default:
		return true
	}
}

// compiled has each regex once.
var compiled sync.Map

// compile returns a regex that has to match all of a text, as Envoy's do; nil if it is none.
func compile(text string) *regexp.Regexp {
	if re, ok := compiled.Load(text); ok {
		return re.(*regexp.Regexp)
	}
	re, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		re = nil
	}
	compiled.Store(text, re)
	return re
}
