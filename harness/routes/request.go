package routes

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
)

// A Request is a request of a caller in the mesh or outside of it.
type Request struct {
	// Host is what the caller calls: a Service's name, short, with its namespace or fully qualified, or the host
	// that it sends to a gateway. Authority is what it sends as Host header.
	Host string
	// Port is the Service's port, or that of the gateway's server. Zero means 80.
	Port int
	// Method is GET where it is empty.
	Method string
	// Path is the path with the query, "/" where it is empty.
	Path string
	// Header has the headers, each with one value. Names are compared without regard to case.
	Header map[string]string
	// Scheme is http where it is empty. At a gateway, https means a server with TLS.
	Scheme string
	// Entry is the way into the mesh, loadgen.Sidecar where it is empty. Gateway is namespace/name of the gateway
	// object if Entry is loadgen.Gateway; "" stands for any that has a server for the port and host.
	Entry   loadgen.Entry
	Gateway string
	// SourceNamespace and SourceLabels are those of the caller's pod.
	SourceNamespace string
	SourceLabels    map[string]string
}

// Authority is the Host header that the request is sent with. HTTP clients put the port behind the host unless it
// is the scheme's own (RFC 9110, 7.2), and so does a caller in the mesh. To a gateway goes the host alone, as from
// outside, where the load balancer's port is the scheme's own.
func (r Request) Authority() string {
	port := r.port()
	if r.Entry == loadgen.Gateway || port == 80 && r.scheme() == "http" || port == 443 && r.scheme() == "https" ||
		strings.Contains(r.Host, ":") {
		return r.Host
	}
	return fmt.Sprintf("%s:%d", r.Host, port)
}

func (r Request) port() int            { return cmp.Or(r.Port, 80) }
func (r Request) method() string       { return cmp.Or(r.Method, http.MethodGet) }
func (r Request) scheme() string       { return cmp.Or(r.Scheme, "http") }
func (r Request) entry() loadgen.Entry { return cmp.Or(r.Entry, loadgen.Sidecar) }

// path is the path without the query, query what is behind it.
func (r Request) path() (path, query string) {
	path, query, _ = strings.Cut(cmp.Or(r.Path, "/"), "?")
	path, _, _ = strings.Cut(path, "#")
	return path, query
}

// value returns what a condition looks at, and whether the request has it.
func (r Request) value(c Condition) (string, bool) {
	path, query := r.path()
	switch c.Of {
	case OfPath:
		return path, true
	case OfMethod:
		return r.method(), true
	case OfAuthority:
		return r.Authority(), true
	case OfScheme:
		return r.scheme(), true
	case OfHeader:
		if c.Name == ":path" {
			return cmp.Or(r.Path, "/"), true
		}
		for name, v := range r.Header {
			if strings.EqualFold(name, c.Name) {
				return v, true
			}
		}
	case OfQuery:
		// Envoy compares the first of the name, as it is written.
		for pair := range strings.SplitSeq(query, "&") {
			if name, v, _ := strings.Cut(pair, "="); name == c.Name && pair != "" {
				return v, true
			}
		}
	}
	return "", false
}

// with returns a request with a header set, without returns one that lacks it.
func (r Request) with(name, value string) Request {
	r = r.without(name)
	if r.Header == nil {
		r.Header = map[string]string{}
	}
	r.Header[name] = value
	return r
}

func (r Request) without(name string) Request {
	r.Header = maps.Clone(r.Header)
	maps.DeleteFunc(r.Header, func(n, _ string) bool { return strings.EqualFold(n, name) })
	if len(r.Header) == 0 {
		r.Header = nil
	}
	return r
}

// withPath returns a request with another path and the same query.
func (r Request) withPath(path string) Request {
	if _, query := r.path(); query != "" {
		path += "?" + query
	}
	r.Path = path
	return r
}

// withQuery returns a request with a query parameter set, or without it if value is nil.
func (r Request) withQuery(name string, value *string) Request {
	path, query := r.path()
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		if n, _, _ := strings.Cut(pair, "="); n != name && pair != "" {
			pairs = append(pairs, pair)
		}
	}
	if value != nil {
		pairs = append(pairs, name+"="+*value)
	}
	if len(pairs) > 0 {
		path += "?" + strings.Join(pairs, "&")
	}
	r.Path = path
	return r
}

// key is equal for equal requests.
func (r Request) key() string {
	r.Method, r.Port, r.Scheme, r.Entry = r.method(), r.port(), r.scheme(), r.entry()
	if r.Path == "" {
		r.Path = "/"
	}
	// Maps are printed in the order of their keys.
	return fmt.Sprintf("%+v", r)
}
