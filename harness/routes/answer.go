package routes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// A HeaderOp is a change that a rule makes of a header.
type HeaderOp struct {
	// Response tells that it is a header of the answer, and not one of the request.
	Response bool
	// Verb is what is done. Name is in lower case, and Value empty where it is removed.
	Verb        HeaderVerb
	Name, Value string
	// Some tells that it is done for one of several destinations only.
	Some bool
}

// A HeaderVerb is what is done to a header.
type HeaderVerb string

// What is done to a header.
const (
	HeaderSet    HeaderVerb = "set"
	HeaderAdd    HeaderVerb = "add"
	HeaderRemove HeaderVerb = "remove"
)

// addOps adds the changes of a route's headers, or of one of its destinations'.
func (e *Effects) addOps(h *networking.Headers, some bool) {
	for _, side := range []struct {
		response bool
		op       *networking.Headers_HeaderOperations
	}{{false, h.GetRequest()}, {true, h.GetResponse()}} {
		add := func(verb HeaderVerb, name, value string) {
			e.Ops = append(e.Ops, HeaderOp{side.response, verb, strings.ToLower(name), value, some})
		}
		for _, name := range slices.Sorted(maps.Keys(side.op.GetSet())) {
			add(HeaderSet, name, side.op.GetSet()[name])
		}
		for _, name := range slices.Sorted(maps.Keys(side.op.GetAdd())) {
			add(HeaderAdd, name, side.op.GetAdd()[name])
		}
		for _, name := range side.op.GetRemove() {
			add(HeaderRemove, name, "")
		}
	}
}

// Redirected returns where a rule that redirects leads a request: the header location of the answer. ok is false where
// it does not redirect, and where that is not worked out here, as for an HTTPRoute and a port that is to be derived
// (RouteEntryImplBase::newUri in Envoy's source/common/router/config_impl.cc).
func (rule Rule) Redirected(q Request) (location string, ok bool) {
	r := rule.Action.redirect
	if r == nil || rule.object.GetKind() != "VirtualService" {
		return "", false
	}
	scheme, host := q.scheme(), q.Authority()
	if r.Scheme != "" {
		scheme = r.Scheme
	}
	switch r.RedirectPort.(type) {
	case *networking.HTTPRedirect_DerivePort:
		return "", false
	case nil:
		bare, port, _ := strings.Cut(host, ":")
		if scheme != q.scheme() && (port == "80" || port == "443") {
			host = bare
		}
	}
	if r.Authority != "" {
		host = r.Authority
	}
	if port := r.GetPort(); port != 0 {
		host, _, _ = strings.Cut(host, ":")
		host = fmt.Sprintf("%s:%d", host, port)
	}
	path, query := q.path()
	switch {
	case r.PrefixRewrite != "":
		with := rule
		with.Rewrite = &Rewrite{URI: r.PrefixRewrite}
		if path, ok = with.rewritten(path); !ok {
			return "", false
		}
	case r.Uri != "":
		path = r.Uri
	}
	if query != "" && !strings.Contains(path, "?") {
		path += "?" + query
	}
	return scheme + "://" + host + path, true
}
