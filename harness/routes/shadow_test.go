package routes

import "testing"

func TestShadowed(t *testing.T) {
	for _, c := range []struct {
		name, first, second string
		want                bool
	}{
		{"a prefix of a prefix", "{uri: {prefix: /a}}", "{uri: {prefix: /a/b}}", true},
		{"a prefix behind a longer one", "{uri: {prefix: /a/b}}", "{uri: {prefix: /a}}", false},
		{"an exact path below a prefix", "{uri: {prefix: /a}}", "{uri: {exact: /ab}}", true},
		{"the prefix of all", "{uri: {prefix: /}}", "{headers: {a: {exact: b}}}", true},
		{"the regex of all", "{uri: {regex: '.*'}}", "{uri: {prefix: /a}}", true},
		{"a regex that is a prefix", "{uri: {regex: '/api/.*'}}", "{uri: {prefix: /api/v1}}", true},
		{"a regex that is none", "{uri: {regex: '/api/[a-z]*'}}", "{uri: {prefix: /api/v}}", false},
		{"an exact text that a regex matches", "{uri: {regex: '/v[0-9]'}}", "{uri: {exact: /v1}}", true},
		{"the same", "{uri: {exact: /a}, method: {exact: GET}}", "{uri: {exact: /a}, method: {exact: GET}}", true},
		{"less", "{uri: {exact: /a}}", "{uri: {exact: /a}, method: {exact: GET}}", true},
		{"more", "{uri: {exact: /a}, method: {exact: GET}}", "{uri: {exact: /a}}", false},
		{"presence", "{headers: {a: {}}}", "{headers: {A: {prefix: x}}}", true},
		{"another header", "{headers: {a: {}}}", "{headers: {b: {prefix: x}}}", false},
		{"without what is another", "{withoutHeaders: {a: {exact: x}}}", "{headers: {a: {exact: z}}}", true},
		{"without what is that", "{withoutHeaders: {a: {exact: x}}}", "{headers: {a: {exact: x}}}", false},
		{"any case before one", "{uri: {prefix: /a}, ignoreUriCase: true}", "{uri: {prefix: /A/b}}", true},
		{"one case before any", "{uri: {prefix: /a}}", "{uri: {prefix: /a}, ignoreUriCase: true}", false},
		{"a port", "{port: 9080}", "{uri: {prefix: /a}}", false},
		{"the same port", "{port: 9080}", "{uri: {prefix: /a}, port: 9080}", true},
		{"some callers", "{sourceLabels: {a: b}}", "{uri: {prefix: /a}}", false},
		{"more callers", "{sourceLabels: {a: b}}", "{uri: {prefix: /a}, sourceLabels: {a: b, c: d}}", true},
		{"a claim", "{headers: {'@request.auth.claims.a': {exact: b}}}", "{uri: {prefix: /a}}", false},
		{"a query parameter", "{queryParams: {a: {regex: '.*'}}}", "{queryParams: {a: {prefix: x}}}", true},
	} {
		table := read(t, "a.yaml", reviews+"  - match: ["+c.first+"]\n"+route("v1")+"  - match: "+
			"["+c.second+"]\n"+route("v2"))
		if len(table.Rules) != 2 {
			t.Errorf("%s: got findings %+v, want two rules", c.name, table.Findings)
			continue
		}
		if got := table.Rules[1].ShadowedBy == 0; got != c.want {
			t.Errorf("%s: got shadowed %v, want %v", c.name, got, c.want)
		}
		checkClasses(t, table)
	}
}

func TestShadowedAtOneGatewayIsNotShadowed(t *testing.T) {
	table := read(t, "a.yaml", shop+ingress+`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: shop}
spec:
  hosts: [reviews, shop.example.com]
  gateways: [mesh, edge/ingress]
  http:
  - match: [{gateways: [mesh]}]
    route: [{destination: {host: reviews, subset: v1}}]
  - match: [{uri: {prefix: /a}}]
    route: [{destination: {host: reviews, subset: v2}}]
`)
	if got := table.Rules[1].ShadowedBy; got >= 0 {
		t.Errorf("got shadowed by %d, want by none: the gateway asks for it", got)
	}
	checkClasses(t, table)
}
