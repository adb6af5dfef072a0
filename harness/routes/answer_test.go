package routes

import "testing"

// Where a redirect leads follows from what it sets, and from the request for the rest.
func TestRedirected(t *testing.T) {
	table := read(t, "vs.yaml", shop+`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [web]
  http:
  - {match: [{uri: {prefix: /a}}], redirect: {uri: /b}}
  - {match: [{uri: {prefix: /c}}], redirect: {authority: other.example, scheme: https}}
  - {match: [{uri: {prefix: /d}}], redirect: {port: 8080}}
  - {match: [{uri: {prefix: /e}}], redirect: {prefixRewrite: /f, redirectCode: 302}}
  - {match: [{uri: {prefix: /g}}], redirect: {derivePort: FROM_REQUEST_PORT}}
  - {route: [{destination: {host: web}}]}
`)
	for path, want := range map[string]string{
		"/a?x=y": "http://web.shop/b?x=y", "/c/1": "https://other.example/c/1", "/d": "http://web.shop:8080/d",
		"/e/1": "http://web.shop/f/1", "/g": "", "/h": "",
	} {
		q := Request{Host: "web.shop", Path: path, SourceNamespace: "shop"}
		i, ok := table.Match(q)
		if !ok {
			t.Fatalf("%s: no rule takes it", path)
		}
		got, ok := table.Rules[i].Redirected(q)
		if got != want || ok != (want != "") {
			t.Errorf("%s: got %s (%t), want %s", path, got, ok, want)
		}
	}
}

// The changes of headers are there as data, and those of one of several destinations say so.
func TestHeaderOps(t *testing.T) {
	table := read(t, "vs.yaml", shop+`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - headers: {request: {set: {X-A: "1"}, remove: [x-b]}, response: {add: {x-c: "3"}}}
    route:
    - {destination: {host: reviews, subset: v1}, weight: 50, headers: {request: {set: {x-d: "4"}}}}
    - {destination: {host: reviews, subset: v2}, weight: 50}
`)
	want := []HeaderOp{
		{false, HeaderSet, "x-a", "1", false}, {false, HeaderRemove, "x-b", "", false},
		{true, HeaderAdd, "x-c", "3", false}, {false, HeaderSet, "x-d", "4", true},
	}
	if got := table.Rules[0].Ops; !equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
