package routes

import (
	"slices"
	"strings"
	"testing"
)

// vs is a VirtualService of namespace shop with the spec that follows.
func vs(name, spec string) string {
	return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + name +
		", namespace: shop}\nspec:\n" + spec + "\n"
}

const toWeb = "  http: [{route: [{destination: {host: web}}]}]"

func TestFindings(t *testing.T) {
	deployment := "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: reviews, namespace: shop}\n" +
		"spec: {template: {metadata: {labels: {app: reviews, version: v1}}}}\n"
	dr := func(ns, spec string) string {
		return "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: more, namespace: " +
			ns +
			"}\nspec: " + spec + "\n"
	}
	for _, c := range []struct {
		name, stream string
		kind         FindingKind // "" for no finding at all
		text         string
	}{
		{"nothing is wrong", reviews + "  -\n" + route("v1"), "", ""},
		{"shadowed", reviews + "  -\n" + route("v1") + "  - match: [{uri: {prefix: /x}}]\n" + route("v2"), Shadowed,
			"http[1].match[0] never takes a request: http[0] (a.yaml:"},
		{"weights", reviews + "  - route: [{destination: {host: web}, weight: 3}, {destination: {host: reviews}, " +
			"weight: 1}]\n",
			WeightSum, "sum to 4 and not to 100: the shares are 75 %, 25 %"},
		{"one weight does not matter",
			reviews + "  - route: [{destination: {host: web, port: {number: 80}}, weight: 3}]\n", "", ""},
		{"no destination", reviews + "  - timeout: 3s\n", NoDestination, "http[0] has nothing to do"},
		{"unknown host", reviews + "  - route: [{destination: {host: nobody}}]\n", UnknownHost,
			"nobody.shop.svc.cluster.local"},
		{"a name with a dot", reviews + "  - route: [{destination: {host: web.shop}}]\n", UnknownHost,
			"destination web.shop, and no Service"},
		{"unknown port", reviews + "  - route: [{destination: {host: web, port: {number: 8080}}}]\n", UnknownPort,
			"port 8080 of web.shop.svc.cluster.local, which has ports 80 http"},
		{"undefined subset", reviews + "  -\n" + route("v3"), UndefinedSubset, "subset v3"},
		{"hidden subset", shop + dr("other", "{host: web.shop.svc.cluster.local, subsets: [{name: w}]}") +
			vs("a", "  hosts: [web]\n  http: [{route: [{destination: {host: web, subset: w}}]}]"), HiddenSubset,
			"by DestinationRule other/more alone"},
		{"root namespace", shop + dr("istio-system", "{host: web.shop.svc.cluster.local, subsets: [{name: w}]}") +
			vs("a", "  hosts: [web]\n  http: [{route: [{destination: {host: web, subset: w}}]}]"), "", ""},
		{"unused", shop + dr("shop", "{host: nobody}"), UnusedRule, "nobody.shop.svc.cluster.local"},
		{"no such pods", shop + deployment, NoSuchPods, "the subset v2 (version: v2)"},
		{"shared pods", shop + dr("shop", "{host: web, subsets: [{name: all}, {name: w, labels: {version: v1}}]}") +
			strings.ReplaceAll(deployment, "reviews", "web") +
			vs("a", "  hosts: [web]\n  http: [{route: [{destination: {host: web, subset: w}, weight: 5},\n    "+
				"{destination: {host: web, subset: all}, weight: 95}]}]"), SharedPods,
			"The pods of Deployment shop/web are in both subsets all and w"},
		{"a subset that no route leads to", shop +
			dr("shop", "{host: web, subsets: [{name: all}, {name: w, labels: {version: v1}}]}") +
			strings.ReplaceAll(deployment, "reviews", "web") +
			vs("a", "  hosts: [web]\n  http: [{route: [{destination: {host: web, subset: w}}]}]"), "", ""},
		{"not for HTTP", reviews + "  - match: [{port: 9082}]\n" + route("v1") + "  -\n" + route("v1"), NotHTTP,
			"port 9082"},
		{"duplicate", reviews + "  -\n" + route("v1") + vs("zzz", "  hosts: [reviews.shop.svc.cluster.local]\n"+toWeb),
			DuplicateHost, "VirtualService shop/reviews has rules for reviews.shop.svc.cluster.local too"},
		{"duplicate for others", reviews + "  -\n" + route("v1") +
			strings.Replace(vs("zzz", "  hosts: [x.example.com]\n"+toWeb), "hosts", "exportTo: [a]\n  hosts", 1) +
			strings.Replace(vs("zzy", "  hosts: [x.example.com]\n"+toWeb), "hosts", "exportTo: [b]\n  hosts", 1), "",
			""},
		{"gateway not bound", reviews + "  - match: [{gateways: [edge]}]\n" + route("v1"), GatewayNotBound,
			"shop/edge"},
		{"unknown gateway", shop + ingress + vs("a", "  hosts: [x.example.com]\n  gateways: [ingress]\n"+toWeb),
			UnknownGateway,
			"shop/ingress is not among the objects"},
		{"at none of the gateway's servers", shop + strings.ReplaceAll(ingress, `hosts: ["*"]`, "hosts: [y.test]") +
			vs("a", "  hosts: [x.test]\n  gateways: [edge/ingress]\n"+toWeb), HostNotAtGateway, "no server for x.test"},
		{"at one of the gateway's servers", shop + ingress + vs("a", "  hosts: [x.test]\n  gateways: "+
			"[edge/ingress]\n"+toWeb), "", ""},
		{"not for the mesh", shop + ingress + vs("a", "  hosts: [x.example.com, web]\n  gateways: "+
			"[edge/ingress]\n"+toWeb),
			NotForMesh, "web.shop.svc.cluster.local is a Service"},
		{"only some callers", reviews + "  - match: [{sourceLabels: {a: b}}]\n" + route("v1"), OnlySomeCallers,
			"no 404"},
		{"header case", reviews + "  - match: [{headers: {End-User: {exact: x}}}]\n" + route("v1"), HeaderCase,
			"End-User"},
		{"method case", reviews + "  - match: [{method: {exact: post}}]\n" + route("v1"), HeaderCase,
			"POST does not meet it"},
		{"path without a slash", reviews + "  - match: [{uri: {prefix: api}}]\n" + route("v1"), PathSlash, `"api"`},
		{"path with a query", reviews + "  - match: [{uri: {exact: '/a?b=c'}}]\n" + route("v1"), PathSlash,
			"question mark"},
		{"regex without a slash", reviews + "  - match: [{uri: {regex: 'api/v[0-9]'}}]\n" + route("v1"), PathSlash,
			"api/v"},
		{"two slashes", reviews + "  - match: [{uri: {prefix: /a}}]\n    rewrite: {uri: /}\n" + route("v1"),
			RewriteSlash,
			"/a/x to //x"},
		{"no slash", reviews + "  - match: [{uri: {prefix: /a/}}]\n    rewrite: {uri: /b}\n" + route("v1"),
			RewriteSlash,
			"/a/x to /bx"},
		{"cookies", reviews + "  - match: [{headers: {cookie: {regex: user=jason}}}]\n" + route("v1"), RegexPart,
			"user=jason"},
		{"wide cookies", reviews + "  - match: [{headers: {cookie: {regex: '.*user=jason.*'}}}]\n" + route("v1"), "",
			""},
		{"no regex", reviews + "  - match: [{uri: {regex: '/(?!a)'}}]\n" + route("v1"), RegexPart, "which is none"},
		{"a fault for nobody", reviews + "  - fault: {abort: {httpStatus: 500}}\n" + route("v1"), FaultForNobody,
			"aborts no"},
		{"tcp", shop + vs("a", "  hosts: [web]\n  tcp: [{route: [{destination: {host: web}}]}]\n"+toWeb), NotLookedAt,
			"spec.tcp[0]"},
		{"a Sidecar", shop + "---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a, " +
			"namespace: b}\n",
			NotLookedAt, "which hosts a proxy knows"},
		{"an idle delegate", shop + vs("a", toWeb), Delegate, "has no hosts"},
		{"unreadable", shop + vs("a", "  hosts: web"), Unreadable, "VirtualService shop/a can't be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := read(t, "a.yaml", c.stream)
			if c.kind == "" {
				if len(table.Findings) > 0 {
					t.Errorf("got %+v, want none", table.Findings)
				}
				return
			}
			if !slices.ContainsFunc(table.Findings, func(f Finding) bool {
				return f.Kind == c.kind && strings.Contains(f.Text, c.text) && f.Source.Line > 0 && f.Do != ""
			}) {
				t.Errorf("got %+v, want %s with %q", table.Findings, c.kind, c.text)
			}
			checkClasses(t, table)
		})
	}
}

func TestFindingsAboutHTTPRoutes(t *testing.T) {
	httpRoute := func(ns, parent, backend string) string {
		return kubeGateway + "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, " +
			"namespace: " + ns +
			"}\nspec:\n  parentRefs: [" + parent + "]\n  hostnames: [x.example.com]\n  rules: [{backendRefs: [" +
			backend + "]}]\n"
	}
	grant := "---\napiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: g, " +
		"namespace: shop}\n" +
		"spec:\n  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: team}]\n  to: [{group: '', " +
		"kind: Service}]\n"
	gw := "{name: gw, namespace: edge}"
	for _, c := range []struct {
		name, stream string
		want         []string
	}{
		{"nothing", httpRoute("shop", gw, "{name: web, port: 80}"), nil},
		{"no grant", httpRoute("team", gw, "{name: web, namespace: shop, port: 80}"), []string{string(NoGrant)}},
		{"a grant", httpRoute("team", gw, "{name: web, namespace: shop, port: 80}") + grant, nil},
		{"no port", httpRoute("shop", gw, "{name: web}"), []string{string(UnknownPort)}},
		{"a listener for others", httpRoute("shop", "{name: gw, namespace: edge, sectionName: one}",
			"{name: web, port: 80}"),
			[]string{string(NotAttached)}},
		{"no gateway", httpRoute("shop", "{name: gw}", "{name: web, port: 80}"), []string{string(UnknownGateway)}},
		{"no Service", httpRoute("shop", "{kind: Service, group: '', name: nobody}", "{name: web, port: 80}"),
			[]string{string(UnknownHost)}},
	} {
		var got []string
		for _, f := range read(t, "a.yaml", c.stream).Findings {
			got = append(got, string(f.Kind))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// A policy's port is the pod's: the Service's is no port of any request.
func TestPortsOfPolicies(t *testing.T) {
	const web = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n" +
		"spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}\n" +
		"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n" +
		"spec: {template: {metadata: {labels: {app: web}}, " +
		"spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}}}\n"
	policy := func(app, port string) string {
		return web + "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n" +
			"metadata: {name: a, namespace: shop}\n" +
			"spec: {action: DENY, selector: {matchLabels: {app: " + app + "}},\n" +
			"  rules: [{to: [{operation: {ports: [\"" + port + "\"]}}]}]}\n"
	}
	for _, c := range []struct{ app, port, want string }{
		{"web", "80", "asks for port 80, and web.shop.svc.cluster.local has port 80 for the pods' port 8080"},
		{"web", "8080", ""}, {"web", "9090", ""}, {"other", "80", ""},
	} {
		got := ""
		for _, f := range read(t, "a.yaml", policy(c.app, c.port)).Findings {
			if f.Kind == PolicyPort {
				got = f.Text
			}
		}
		if !strings.Contains(got, c.want) || got != "" && c.want == "" {
			t.Errorf("port %s of %s: got %q, want %q", c.port, c.app, got, c.want)
		}
	}
}
