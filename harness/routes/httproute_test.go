package routes

import (
	"testing"

	"github.com/canarylab/canarylab/loadgen"
)

const kubeGateway = shop + `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: edge}
spec:
  gatewayClassName: istio
  listeners:
  - {name: shop, hostname: "*.example.com", port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
  - {name: one, hostname: one.example.com, port: 80, protocol: HTTP}
---
`

func TestHTTPRouteAtGateway(t *testing.T) {
	table := read(t, "a.yaml", kubeGateway+`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: b, namespace: shop}
spec:
  parentRefs: [{name: gw, namespace: edge}]
  hostnames: [shop.example.com, one.example.com]
  rules:
  - backendRefs: [{name: web, port: 80}]
  - matches:
    - path: {value: /api}
    - path: {type: Exact, value: /api}
    - {path: {value: /api}, method: POST}
    - {path: {value: /api}, headers: [{name: A, value: x}]}
    - {path: {value: /api}, queryParams: [{name: q, value: x}]}
    - {path: {value: /api/v1/}}
    - {path: {type: RegularExpression, value: '/.*-long-regex'}}
    backendRefs: [{name: reviews, port: 9080, weight: 3}, {name: web, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a, namespace: shop}
spec:
  parentRefs: [{name: gw, namespace: edge}]
  hostnames: ["*.example.com"]
  rules: [{matches: [{path: {value: /api}}]}]
`)
	at := func(host, path string, header ...string) Request {
		r := in(path, header...)
		r.Host, r.Port, r.Entry, r.Gateway = host, 80, loadgen.Gateway, "edge/gw"
		return r
	}
	post := at("shop.example.com", "/api/x")
	post.Method = "POST"
	for _, c := range []struct {
		r    Request
		rule int
	}{
		{at("shop.example.com", "/"), 0},
		{at("shop.example.com", "/api"), 2},            // an exact path first
		{at("shop.example.com", "/api/x"), 1},          // a prefix
		{at("shop.example.com", "/apiary"), 0},         // is of whole elements
		{at("shop.example.com", "/api/v1"), 6},         // the longest one
		{post, 3},                                      // with the method
		{at("shop.example.com", "/api/", "a", "x"), 4}, // or a header
		{at("shop.example.com", "/api/?q=x"), 5},
		{at("shop.example.com", "/a-long-regex"), 0}, // a regex comes after every prefix
		{at("other.example.com", "/api"), 8},         // the other route's wildcard
		{at("other.example.com", "/x"), -1},
		{at("one.example.com", "/"), -1}, // its own listener takes routes of its own namespace alone
	} {
		if got, _ := table.Match(c.r); got != c.rule {
			t.Errorf("%s%s: got rule %d, want %d", c.r.Host, c.r.Path, got, c.rule)
		}
	}
	d := table.Rules[1].Action.Destinations
	if len(d) != 2 || d[0].Percent != 75 || d[1].Percent != 25 {
		t.Errorf("got %+v, want shares of 75 and 25 by weights 3 and 1", d)
	}
	if a := table.Rules[8].Action; a.Kind != ActionDirect || a.Status != 500 {
		t.Errorf("got %+v, want 500 for a rule without backends", a)
	}
	if r := table.Rules[7]; r.ShadowedBy != 0 || r.Unmet == "" {
		t.Errorf("got %d, want a regex that the prefix of all shadows, since that is asked before", r.ShadowedBy)
	}
	checkClasses(t, table)
}

func TestHTTPRouteInMesh(t *testing.T) {
	table := read(t, "a.yaml", shop+`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: producer, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews, port: 9080}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: consumer, namespace: client}
spec:
  parentRefs: [{group: "", kind: Service, name: reviews, namespace: shop}]
  rules: [{matches: [{path: {value: /x}}], backendRefs: [{name: mine, port: 80}]}]
`)
	from := func(ns string, port int) Request {
		return Request{Host: "reviews.shop", Port: port, Path: "/x", SourceNamespace: ns}
	}
	for _, c := range []struct {
		r    Request
		rule int
	}{
		{from("shop", 9080), 0}, {from("other", 9080), 0}, {from("other", 9081), -1},
		{from("client", 9080), 1}, // the caller's own route goes before
		{from("client", 9081), 1},
	} {
		if got, _ := table.Match(c.r); got != c.rule {
			t.Errorf("from %s at port %d: got rule %d, want %d", c.r.SourceNamespace, c.r.Port, got, c.rule)
		}
	}
	checkClasses(t, table)
	if got := named(t, table.Classes(), "reviews-x").Request; got.SourceNamespace != "client" {
		t.Errorf("got a caller in %s, want one in the consumer route's namespace", got.SourceNamespace)
	}
}
