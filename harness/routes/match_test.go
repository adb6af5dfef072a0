package routes

import (
	"testing"

	"github.com/canarylab/canarylab/loadgen"
)

// reviews is a VirtualService for reviews with the http entries that follow.
const reviews = shop + `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
`

// route sends to a subset, at the indentation of an http entry.
func route(subset string) string {
	return "    route: [{destination: {host: reviews, subset: " + subset + "}}]\n"
}

func in(path string, header ...string) Request {
	r := Request{Host: "reviews", Port: 9080, Path: path, SourceNamespace: "shop"}
	for i := 0; i+1 < len(header); i += 2 {
		r = r.with(header[i], header[i+1])
	}
	return r
}

func TestMatchOfConditions(t *testing.T) {
	type try struct {
		r    Request
		rule int
	}
	method := func(m string) Request {
		r := in("/")
		r.Method = m
		return r
	}
	for _, c := range []struct {
		name, match string
		tries       []try
	}{
		{"a prefix ends anywhere", "uri: {prefix: /api}", []try{{in("/api"), 0}, {in("/apiary"), 0}, {in("/ap"), 1}}},
		{"a prefix is compared with regard to case", "uri: {prefix: /api}", []try{{in("/API"), 1}}},
		{"or without", "uri: {prefix: /api}\n      ignoreUriCase: true", []try{{in("/API/x"), 0}}},
		{"the query is no part of the path", "uri: {exact: /a}", []try{{in("/a?b=c"), 0}, {in("/a/"), 1}}},
		{"a regex matches all of the path", "uri: {regex: '/v[0-9]+'}", []try{{in("/v12"), 0}, {in("/v1/x"), 1},
			{in("/x/v1"), 1}}},
		{"a header's name has no case, its value has", "headers: {end-user: {exact: jason}}",
			[]try{{in("/", "End-User", "jason"), 0}, {in("/", "end-user", "Jason"), 1}, {in("/"), 1}}},
		{"a lone star asks for presence", "headers: {a: {regex: '*'}}", []try{{in("/", "a", ""), 0}, {in("/"), 1}}},
		{"an empty match asks for presence", "headers: {a: {}}", []try{{in("/", "a", "x"), 0}, {in("/"), 1}}},
		{"any number of cookies needs a wide regex", "headers: {cookie: {regex: canary=true}}",
			[]try{{in("/", "Cookie", "canary=true"), 0}, {in("/", "Cookie", "a=b; canary=true"), 1}}},
		{"an absent header is without a value", "withoutHeaders: {a: {exact: x}}",
			[]try{{in("/"), 0}, {in("/", "a", "y"), 0}, {in("/", "a", "x"), 1}}},
		{"an absent header is an empty one", "withoutHeaders: {a: {regex: .*}}", []try{{in("/"), 1}, {in("/", "a",
			"x"), 1}}},
		{"without a header at all", "withoutHeaders: {a: {}}", []try{{in("/"), 0}, {in("/", "a", ""), 1}}},
		{"a query parameter", "queryParams: {v: {exact: '2'}}",
			[]try{{in("/?x=1&v=2"), 0}, {in("/?v=21"), 1}, {in("/?v=1&v=2"), 1}, {in("/"), 1}}},
		{"a method has a case", "method: {exact: POST}", []try{{method("POST"), 0}, {method("post"), 1}, {method(""),
			1}}},
		{"the authority has the port", "authority: {exact: reviews}", []try{{in("/"), 1}}},
		{"the authority with its port", "authority: {exact: 'reviews:9080'}", []try{{in("/"), 0}}},
		{"a host header is the authority", "headers: {host: {prefix: reviews}}", []try{{in("/"), 0}}},
		{"the scheme in the mesh is http", "scheme: {exact: https}", []try{{in("/"), 1}}},
		{"a claim is met by nobody", "headers: {'@request.auth.claims.group': {exact: a}}", []try{{in("/"), 1}}},
		{"the port", "port: 9081", []try{{in("/"), 1}, {Request{Host: "reviews", Port: 9081, SourceNamespace: "shop"},
			0}}},
		{"the caller's labels", "sourceLabels: {app: a}", []try{
			{in("/"), 1},
			{Request{Host: "reviews", Port: 9080, SourceNamespace: "shop", SourceLabels: map[string]string{"app": "a",
				"b": "c"}}, 0},
		}},
		{"the caller's namespace", "sourceNamespace: other", []try{
			{in("/"), 1}, {Request{Host: "reviews.shop", Port: 9080, SourceNamespace: "other"}, 0},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := read(t, "a.yaml", reviews+"  - match:\n    - "+c.match+"\n"+route("v2")+"  - name: "+
				"rest\n"+route("v1"))
			for _, try := range c.tries {
				if got, _ := table.Match(try.r); got != try.rule {
					t.Errorf("%+v: got rule %d, want %d", try.r, got, try.rule)
				}
			}
		})
	}
}

func TestMatchOfHosts(t *testing.T) {
	table := read(t, "a.yaml", reviews+"  -\n"+route("v1")+`---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wide, namespace: shop}
spec:
  hosts: ["*.shop.svc.cluster.local"]
  http: [{route: [{destination: {host: web}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: outside, namespace: shop}
spec:
  hosts: [api.example.com, "*.example.com"]
  http: [{route: [{destination: {host: web}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: private, namespace: shop}
spec:
  hosts: [private.example.com]
  exportTo: [.]
  http: [{route: [{destination: {host: web}}]}]
`)
	for _, c := range []struct {
		host, from string
		port, rule int
	}{
		{"reviews", "shop", 9080, 0},
		{"REVIEWS", "shop", 9080, 0},
		{"reviews.shop", "other", 9080, 0},
		{"reviews.shop.svc", "other", 9080, 0},
		{"reviews.shop.svc.cluster.local", "other", 9080, 0},
		{"reviews", "other", 9080, -1}, // there is none
		{"reviews", "shop", 9082, -1},  // a port that is not for HTTP
		{"web", "shop", 80, 1},
		{"api.example.com", "other", 80, 2},
		{"x.example.com", "other", 80, 2},
		{"x.example.com", "other", 8443, -1}, // nothing looks for hosts there
		{"private.example.com", "shop", 80, 3},
		{"private.example.com", "other", 80, 2}, // the wildcard is all that this caller has
	} {
		got, _ := table.Match(Request{Host: c.host, Port: c.port, SourceNamespace: c.from})
		if got != c.rule {
			t.Errorf("%s:%d from %s: got rule %d, want %d", c.host, c.port, c.from, got, c.rule)
		}
	}
}

const ingress = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: ingress, namespace: edge}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["shop/*.example.com", "*/any.test"]}
  - {port: {number: 8080, name: http-tls, protocol: HTTP}, hosts: ["*"], tls: {httpsRedirect: true}}
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: x}}
---
`

func TestMatchAtGateway(t *testing.T) {
	table := read(t, "a.yaml", shop+ingress+`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: shop}
spec:
  hosts: [shop.example.com, any.test]
  gateways: [edge/ingress]
  http: [{route: [{destination: {host: web}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: b, namespace: shop}
spec:
  hosts: [shop.example.com, reviews]
  gateways: [edge/ingress, mesh]
  http:
  - match:
    - {uri: {prefix: /mesh}, gateways: [mesh]}
    - {uri: {prefix: /edge}, gateways: [edge/ingress]}
    - uri: {prefix: /both}
    route: [{destination: {host: reviews, port: {number: 9080}}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: c, namespace: elsewhere}
spec:
  hosts: [shop.example.com, x.example.com]
  gateways: [edge/ingress]
  http: [{match: [{uri: {prefix: /c}}], route: [{destination: {host: web.shop.svc.cluster.local}}]}]
`)
	at := func(host string, port int, path string) Request {
		return Request{Host: host, Port: port, Path: path, Entry: loadgen.Gateway, Gateway: "edge/ingress"}
	}
	secure := at("shop.example.com", 443, "/edge")
	secure.Scheme = "https"
	for _, c := range []struct {
		name   string
		r      Request
		rule   int
		status int
	}{
		{"a rule that takes all goes behind those of others", at("shop.example.com", 80, "/edge"), 2, 0},
		{"and takes the rest", at("shop.example.com", 80, "/x"), 0, 0},
		{"a match for the mesh is none at a gateway", at("shop.example.com", 80, "/mesh"), 0, 0},
		{"a match without gateways is for all", at("shop.example.com", 80, "/both"), 3, 0},
		{"and in the mesh too", in("/both"), 3, 0},
		{"a match for a gateway is none in the mesh", in("/edge"), -1, 404},
		{"a server has hosts for a namespace alone", at("shop.example.com", 80, "/c"), 0, 0},
		{"so that its other host is unknown", at("x.example.com", 80, "/c"), -1, 404},
		{"a host that the gateway has not", at("nobody.test", 80, "/"), -1, 404},
		{"a port that the gateway has not", at("shop.example.com", 81, "/"), -1, 404},
		{"a server that redirects to TLS", at("shop.example.com", 8080, "/edge"), -1, 301},
		{"a server with TLS", secure, 2, 0},
		{"and without it", at("shop.example.com", 443, "/edge"), -1, 404},
	} {
		if got, _ := table.Match(c.r); got != c.rule {
			t.Errorf("%s: got rule %d, want %d", c.name, got, c.rule)
		}
		if got := table.Want(c.r); got.Status != c.status {
			t.Errorf("%s: got status %d, want %d", c.name, got.Status, c.status)
		}
	}
}

func TestWant(t *testing.T) {
	table := read(t, "a.yaml", reviews+`
  - match: [{uri: {prefix: /go}}]
    redirect: {uri: /gone, authority: web}
  - match: [{uri: {prefix: /teapot}}]
    directResponse: {status: 418}
  - match: [{uri: {prefix: /split}}]
    route:
    - {destination: {host: reviews, subset: v1}, weight: 30}
    - {destination: {host: reviews, subset: v2}, weight: 10}
    - {destination: {host: web}, weight: 0}
  - match: [{uri: {prefix: /some}}]
    fault: {abort: {httpStatus: 503, percentage: {value: 25}}}
    route: [{destination: {host: web}}]
  - match: [{uri: {prefix: /none}}]
    fault: {abort: {httpStatus: 500, percentage: {value: 100}}}
    route: [{destination: {host: web}}]
`)
	full := "reviews.shop.svc.cluster.local"
	plain := in("/go")
	plain.Entry = loadgen.Plain
	for _, c := range []struct {
		name string
		r    Request
		want Want
	}{
		{"redirect", in("/go"), Want{Status: 301, StatusPercent: 100, Location: "web/gone"}},
		{"direct response", in("/teapot"), Want{Status: 418, StatusPercent: 100}},
		{"shares of weights", in("/split"), Want{Destinations: []Destination{
			{full, 9080, "v1", 75}, {full, 9080, "v2", 25},
		}}},
		{"some aborted", in("/some"), Want{Status: 503, StatusPercent: 25, Destinations: []Destination{
			{"web.shop.svc.cluster.local", 80, "", 100},
		}}},
		{"all aborted", in("/none"), Want{Status: 500, StatusPercent: 100}},
		{"no rule of several", in("/x"), Want{Status: 404, StatusPercent: 100}},
		{"without a sidecar", plain, Want{Service: true, Destinations: []Destination{{full, 9080, "", 100}}}},
		{"a Service without rules", Request{Host: "web.shop", SourceNamespace: "a"}, Want{Service: true,
			Destinations: []Destination{{"web.shop.svc.cluster.local", 80, "", 100}}}},
		{"a host that nothing has", Request{Host: "x.example.com"}, Want{Unknown: true}},
	} {
		if got := table.Want(c.r); !equal(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestSourceLabelsAreASelector(t *testing.T) {
	table := read(t, "a.yaml", reviews+"  - match: [{sourceLabels: {app: a}, uri: {prefix: /x}}]\n"+route("v2"))
	if got := table.Want(in("/x")); !got.Service {
		t.Errorf("got %+v, want the Service: a caller that no match is for has no rules at all", got)
	}
	r := in("/y")
	r.SourceLabels = map[string]string{"app": "a"}
	if got := table.Want(r); got.Status != 404 {
		t.Errorf("got %+v, want 404: this caller has rules, and none takes the request", got)
	}
}
