package routes

import "testing"

// What a workload gets follows from the rule that takes the request, as Envoy rewrites.
func TestSent(t *testing.T) {
	table := read(t, "vs.yaml", shop+`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - {match: [{uri: {prefix: /api}}], rewrite: {uri: /v1}, route: [{destination: {host: reviews}}]}
  - {match: [{uri: {exact: /old}}], rewrite: {uri: /new, authority: web}, route: [{destination: {host: reviews}}]}
  - match: [{uri: {prefix: /re/}}]
    rewrite: {uriRegexRewrite: {match: '^/re/([^/]+)/(.*)$', rewrite: '/\2/\1'}}
    route: [{destination: {host: reviews}}]
  - {match: [{headers: {x: {exact: jason}}}], rewrite: {uri: /below}, route: [{destination: {host: reviews}}]}
  - {route: [{destination: {host: reviews}}]}
`)
	for path, want := range map[string]string{
		"/api/x?q=1": "/v1/x?q=1", "/apiary": "/v1ary", "/old": "/new", "/re/a/b": "/b/a", "/else": "/else",
	} {
		got, ok := table.Sent(Request{Host: "reviews.shop.svc.cluster.local", Port: 9080, Path: path,
			SourceNamespace: "shop"})
		if !ok || got.Path != want {
			t.Errorf("%s: got %s (%t), want %s", path, got.Path, ok, want)
		}
		if path == "/old" && got.Authority() != "web" {
			t.Errorf("got the host %s, want web", got.Authority())
		}
	}
	got, ok := table.Sent(Request{Host: "reviews.shop.svc.cluster.local", Port: 9080, Path: "/x",
		SourceNamespace: "shop", Header: map[string]string{"x": "jason"}})
	if !ok || got.Path != "/belowx" {
		t.Errorf("got %s (%t), want /belowx: the slash that every path has is replaced", got.Path, ok)
	}
}
