package routes

import (
	"slices"
	"strings"
	"testing"
)

// object is an object of namespace shop with the spec that follows, on lines of their own.
func object(kind, name, spec string) string {
	group := map[string]string{
		"AuthorizationPolicy": "security.istio.io/v1", "PeerAuthentication": "security.istio.io/v1",
		"HTTPRoute": "gateway.networking.k8s.io/v1",
	}[kind]
	if group == "" {
		group = "networking.istio.io/v1"
	}
	return "---\napiVersion: " + group + "\nkind: " + kind + "\nmetadata: {name: " + name +
		", namespace: shop}\nspec:\n  " + strings.ReplaceAll(spec, "\n", "\n  ") + "\n"
}

// webGateway is a gateway at port 80 for a.test, and webRoute a route of it to web.
const webGateway = "selector: {istio: ingressgateway}\nservers:\n" +
	"- {port: {number: 80, name: http, protocol: HTTP}, hosts: [a.test]}"

// byName routes TLS by its name, toTLS sends requests to port 81 of files, and the namespace old has no sidecars.
var (
	byName = vs("a", "  hosts: [a.test]\n  gateways: [edge]\n  tls: [{match: [{sniHosts: [a.test]}], route: "+
		"[{destination: {host: web}}]}]")
	toTLS = vs("a", "  hosts: [a.test]\n  gateways: [edge]\n  http: [{route: [{destination: {host: files, port: "+
		"{number: 81}}}]}]")
)

const oldNamespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: old, labels: {istio-injection: " +
	"disabled}}\n"

func webRoute(match string) string {
	return vs("a", "  hosts: [a.test]\n  gateways: [edge]\n  http:\n  - match: ["+match+"]\n"+
		"    route: [{destination: {host: web}}]")
}

// What the mistakes from the field have in common, each with what is like it and is none.
func TestFindingsFromTheField(t *testing.T) {
	httpd := "---\napiVersion: v1\nkind: Service\nmetadata: {name: files, namespace: shop}\nspec: {selector: {app: " +
		"files}, " +
		"ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp-x, port: 81}]}\n---\napiVersion: apps/v1\n" +
		"kind: Deployment\nmetadata: {name: files, namespace: shop}\nspec: {template: {metadata: {labels: {app: " +
		"files}}}}\n"
	outside := func(name, protocol string) string {
		return object("ServiceEntry", name, "hosts: [api.test]\nresolution: DNS\nports: [{number: 443, name: x, "+
			"protocol: "+
			protocol+"}]")
	}
	policy := func(action, rule string) string {
		return httpd + object("AuthorizationPolicy", "p", "selector: {matchLabels: {app: files}}\naction: "+action+
			"\nrules: ["+rule+"]")
	}
	for _, c := range []struct {
		name string
		kind FindingKind
		text string
		// has shows it, and not is like it without the mistake.
		has, not string
	}{
		{
			"a destination without a port", UnknownPort, "requests to port 9080 or 9081 of reviews.shop",
			reviews + "  - route: [{destination: {host: web}}]\n",
			reviews + "  - route: [{destination: {host: web, port: {number: 80}}}]\n",
		},
		{
			"a destination without a port at one of several", UnknownPort, "requests to port 9080 of reviews.shop",
			reviews + "  - match: [{port: 9081}]\n    route: [{destination: {host: reviews}}]\n" +
				"  - route: [{destination: {host: web}}]\n",
			reviews + "  - route: [{destination: {host: reviews}}]\n  - route: [{destination: {host: web}}]\n",
		},
		{
			"a destination without a port behind a gateway", UnknownPort, "requests to port 80 of shop/edge get 503",
			shop + object("Gateway", "edge", webGateway) +
				vs("a", "  hosts: [a.test]\n  gateways: [edge]\n  http: [{route: [{destination: {host: reviews}}]}]"),
			httpd + object("Gateway", "edge", strings.ReplaceAll(webGateway, "80", "8080")) +
				vs("a", "  hosts: [a.test]\n  gateways: [edge]\n  http: [{route: [{destination: {host: one}}]}]") +
				"---\napiVersion: v1\nkind: Service\nmetadata: {name: one, namespace: shop}\nspec: {selector: {app: " +
				"one}, ports: [{name: http, port: 80}]}\n",
		},
		{
			"one request at a time", OneAtATime, "another one gets 503 UO",
			reviews + "  - " + strings.TrimPrefix(route("v1"), "    ") + object("DestinationRule", "one",
				"host: reviews\nsubsets: [{name: v1, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}}]"),
			reviews + "  - " + strings.TrimPrefix(route("v1"), "    ") + object("DestinationRule", "one",
				"host: reviews\nsubsets: [{name: v1, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 2}}}}]"),
		},
		{
			"retries beside an abort", FaultFirst, "aborts 50 % of the requests",
			reviews + "  - fault: {abort: {httpStatus: 503, percentage: {value: 50}}}\n    retries: {attempts: " +
				"2}\n" + route("v1"),
			reviews + "  - fault: {abort: {httpStatus: 503, percentage: {value: 50}}}\n    retries: {attempts: " +
				"0}\n" + route("v1"),
		},
		{
			"a timeout beside a delay", FaultFirst, "its timeout of 1s does not end that",
			reviews + "  - fault: {delay: {fixedDelay: 5s, percentage: {value: 50}}}\n    timeout: 1s\n" + route("v1"),
			reviews + "  - fault: {delay: {fixedDelay: 0.5s, percentage: {value: 50}}}\n    timeout: 1s\n" +
				route("v1"),
		},
		{
			"a preflight without the header", Preflight, "no rule takes it",
			reviews + "  - match: [{headers: {x-a: {exact: b}}}]\n    corsPolicy: {allowMethods: [GET]}\n" +
				route("v1"),
			reviews + "  - match: [{uri: {prefix: /a}, headers: {origin: {exact: b}}}]\n    corsPolicy: " +
				"{allowMethods: [GET]}\n" +
				route("v1"),
		},
		{
			"a preflight of another method", Preflight, "http[1] takes it, which has no CORS policy",
			reviews + "  - match: [{method: {exact: GET}}]\n    corsPolicy: {allowMethods: [GET]}\n" +
				route("v1") + "  -\n" +
				route("v2"),
			reviews + "  - match: [{method: {exact: GET}}]\n    corsPolicy: {allowMethods: [GET]}\n" + route("v1") +
				"  - corsPolicy: {allowMethods: [GET]}\n" + route("v2"),
		},
		{
			"a star in a prefix", LiteralStar, "uri begins with /a/*",
			reviews + "  - match: [{uri: {prefix: /a/*}}]\n" + route("v1"),
			reviews + "  - match: [{uri: {regex: /a/.*}}]\n" + route("v1"),
		},
		{
			"a regex that is a star", LiteralStar, "nothing but the text *",
			reviews + "  - match: [{headers: {x-a: {regex: '\\*'}}}]\n" + route("v1"),
			reviews + "  - match: [{headers: {x-a: {regex: '*'}}}]\n" + route("v1"),
		},
		{
			"a value of two lines", HeaderValue, "The value of the header x-a has a line break",
			shop + object("HTTPRoute", "r", "parentRefs: [{kind: Service, group: '', name: web}]\nrules:\n- filters:\n"+
				"  - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-a, value: \"a\\nb\"}]}}\n"+
				"  backendRefs: [{name: web, port: 80}]"),
			shop + object("HTTPRoute", "r", "parentRefs: [{kind: Service, group: '', name: web}]\nrules:\n- filters:\n"+
				"  - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-a, value: \"a\\tb\"}]}}\n"+
				"  backendRefs: [{name: web, port: 80}]"),
		},
		{
			"a wildcard behind a host", WildcardHidden, "has rules for *.test, and none of them is asked for a.test",
			shop + vs("all", "  hosts: ['*.test']\n"+toWeb) + vs("one", "  hosts: [a.test]\n  http: [{match: [{uri: "+
				"{prefix: /a}}], route: [{destination: {host: web}}]}]"),
			shop + vs("all", "  hosts: ['*.test']\n"+toWeb) + vs("one", "  hosts: [a.test]\n"+toWeb),
		},
		{
			"a hash behind weights", HashAfterWeights, "DestinationRule shop/more picks pods by a hash",
			reviews + "  - route: [{destination: {host: reviews, subset: v1}, weight: 50}, {destination: {host: " +
				"reviews, " +
				"subset: v2}, weight: 50}]\n" + object("DestinationRule", "more",
				"host: reviews\ntrafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}"),
			reviews + "  -\n" + route("v1") + object("DestinationRule", "more",
				"host: reviews\ntrafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}"),
		},
		{
			"settings of a port", PortSettings, "inherits nothing: outlierDetection of the same traffic policy",
			shop + object("DestinationRule", "w", "host: web\ntrafficPolicy: {outlierDetection: "+
				"{consecutive5xxErrors: 3}, "+
				"portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]}"),
			shop + object("DestinationRule", "w", "host: web\ntrafficPolicy: {loadBalancer: {simple: RANDOM}, "+
				"portLevelSettings: [{port: {number: 80}, outlierDetection: {consecutive5xxErrors: 3}}]}"),
		},
		{
			"two traffic policies", DuplicateRule, "DestinationRule shop/a has a traffic policy for web.shop",
			shop + object("DestinationRule", "a", "host: web\ntrafficPolicy: {tls: {mode: ISTIO_MUTUAL}}") +
				object("DestinationRule", "b", "host: web\ntrafficPolicy: {loadBalancer: {simple: RANDOM}}"),
			shop + object("DestinationRule", "a", "host: web\nsubsets: [{name: v1, labels: {a: b}}]") +
				object("DestinationRule", "b", "host: web\ntrafficPolicy: {loadBalancer: {simple: RANDOM}}"),
		},
		{
			"a nearer rule", HiddenSubset, "Callers in shop get DestinationRule shop/near for " +
				"data.store.svc.cluster.local, alone",
			nearer(""), nearer("\nsubsets: [{name: v1, labels: {version: v1}}]"),
		},
		{
			"two entries for a host", DuplicateEntry, "ServiceEntry shop/a has api.test too, with protocol TLS at " +
				"port 443",
			shop + outside("a", "TLS") + outside("b", "HTTPS"), shop + outside("a", "TLS") + outside("b", "TLS"),
		},
		{
			"TLS twice", TLSTwice, "Callers send HTTPS to port 443 of api.test",
			shop + outside("a", "HTTPS") + object("DestinationRule", "d", "host: api.test\ntrafficPolicy: {tls: "+
				"{mode: SIMPLE}}"),
			shop + outside("a", "HTTPS") + object("DestinationRule", "d", "host: api.test\ntrafficPolicy: {tls: "+
				"{mode: SIMPLE}}") +
				vs("v", "  hosts: [web]\n  http: [{route: [{destination: {host: api.test, port: {number: 443}}}]}]"),
		},
		{
			"plain text to strict pods", TLSMismatch, "PeerAuthentication shop/p has its pods take nothing but " +
				"mutual TLS",
			shop + object("PeerAuthentication", "p", "mtls: {mode: STRICT}") +
				object("DestinationRule", "d", "host: web\ntrafficPolicy: {tls: {mode: DISABLE}}"),
			shop + object("PeerAuthentication", "p", "mtls: {mode: STRICT}") + object("PeerAuthentication", "q",
				"selector: {matchLabels: {app: web}}\nmtls: {mode: PERMISSIVE}") +
				object("DestinationRule", "d", "host: web\ntrafficPolicy: {tls: {mode: DISABLE}}"),
		},
		{
			"mutual TLS to plain pods", TLSMismatch, "take plain text alone",
			shop + object("PeerAuthentication", "p", "mtls: {mode: DISABLE}") +
				object("DestinationRule", "d", "host: web\ntrafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"),
			shop + object("PeerAuthentication", "p", "mtls: {mode: STRICT}") +
				object("DestinationRule", "d", "host: web\ntrafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"),
		},
		{
			"mutual TLS by the Service's port", PolicyPort, "The policy is for port 80, and files.shop",
			httpd + object("PeerAuthentication", "p", "selector: {matchLabels: {app: files}}\nportLevelMtls: {80: "+
				"{mode: STRICT}}"),
			httpd + object("PeerAuthentication", "p", "selector: {matchLabels: {app: files}}\nportLevelMtls: {8080: "+
				"{mode: STRICT}}"),
		},
		{
			"paths of what is passed through", PassedThrough, "passes through what comes to port 80",
			shop + object("Gateway", "edge", strings.ReplaceAll(webGateway, "protocol: HTTP}",
				"protocol: TLS}, tls: {mode: PASSTHROUGH}")) + webRoute("{uri: {prefix: /a}}"),
			shop + object("Gateway", "edge", webGateway) + webRoute("{uri: {prefix: /a}}"),
		},
		{
			"a redirect to nowhere", RedirectNowhere, "Port 80 sends callers of a.test to HTTPS",
			shop + object("Gateway", "edge", strings.ReplaceAll(webGateway, "hosts", "tls: {httpsRedirect: true}, "+
				"hosts")),
			shop + object("Gateway", "edge", strings.ReplaceAll(webGateway, "hosts", "tls: {httpsRedirect: true}, "+
				"hosts")) +
				object("Gateway", "tls", "selector: {istio: ingressgateway}\nservers: [{port: {number: 443, name: "+
					"https, "+
					"protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: a}, hosts: ['*.test']}]"),
		},
		{
			"a principal with its scheme", PolicyPrincipal, "No caller is spiffe://a/ns/b/sa/c",
			policy("ALLOW", "{from: [{source: {principals: ['spiffe://a/ns/b/sa/c']}}], to: [{operation: {ports: "+
				"['81']}}]}"),
			policy("ALLOW", "{from: [{source: {principals: ['a/ns/b/sa/c']}}], to: [{operation: {ports: ['81']}}]}"),
		},
		{
			"a star within a path", LiteralStar, "The policy asks for /a/*/b",
			policy("DENY", "{to: [{operation: {paths: [/a/*/b], ports: ['8080']}}]}"),
			policy("DENY", "{to: [{operation: {paths: ['/a/{*}/b', /a/*], ports: ['8080']}}]}"),
		},
		{
			"an address outside", PolicyAddress, "see the address of the gateway's pod",
			policy("ALLOW", "{from: [{source: {ipBlocks: [203.0.113.7]}}]}"),
			policy("ALLOW", "{from: [{source: {ipBlocks: [10.1.0.0/16]}}]}"),
		},
		{
			"paths at a port for TCP", PolicyNotHTTP, "Port 81 tcp-x of files.shop.svc.cluster.local is not for HTTP",
			policy("DENY", "{to: [{operation: {paths: [/a]}}]}"),
			policy("DENY", "{to: [{operation: {paths: [/a], ports: ['8080']}}]}"),
		},
		{
			"methods alone at a port for TCP", PolicyNotHTTP, "there the policy lets nobody in",
			policy("ALLOW", "{to: [{operation: {methods: [GET]}}]}"),
			policy("ALLOW", "{to: [{operation: {methods: [GET]}}]}, {to: [{operation: {ports: ['81']}}]}"),
		},
		{
			"no time for a second try", NoTimeToRetry, "leaves 2s for one try and 1s for all of them",
			reviews + "  - timeout: 1s\n    retries: {attempts: 2, perTryTimeout: 2s}\n" + route("v1"),
			reviews + "  - timeout: 1s\n    retries: {attempts: 2, perTryTimeout: 0.3s}\n" + route("v1"),
		},
		{
			"a rewrite without a match", RewriteSlash, "makes /x to /apix",
			reviews + "  - rewrite: {uri: /api}\n" + route("v1"), reviews + "  - rewrite: {uri: /api/}\n" + route("v1"),
		},
		{
			"plain HTTP to a port for TLS", HTTPToTLS, "sends plain HTTP to port 81 https-x of files.shop",
			strings.ReplaceAll(httpd, "tcp-x", "https-x") + object("Gateway", "edge", webGateway) + toTLS,
			strings.ReplaceAll(httpd, "tcp-x", "https-x") + object("Gateway", "edge", webGateway) + toTLS +
				object("DestinationRule", "d", "host: files\ntrafficPolicy: {portLevelSettings: [{port: {number: 81}, "+
					"tls: {mode: SIMPLE}}]}"),
		},
		{
			"a route for TLS that was ended", TLSEnded, "ends TLS for a.test",
			shop + object("Gateway", "edge", strings.ReplaceAll(webGateway, "protocol: HTTP}",
				"protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: a}")) + byName,
			shop + object("Gateway", "edge", strings.ReplaceAll(webGateway, "protocol: HTTP}",
				"protocol: TLS}, tls: {mode: PASSTHROUGH}")) + byName,
		},
		{
			"callers without a sidecar", PolicyPrincipal, "The namespace old asks for no sidecars",
			policy("ALLOW", "{from: [{source: {namespaces: [old]}}]}") + oldNamespace,
			policy("ALLOW", "{from: [{source: {namespaces: [new]}}]}") + oldNamespace,
		},
		{
			"two objects at a gateway", DuplicateHost, "has rules for a.test at shop/edge too",
			shop + object("Gateway", "edge", webGateway) + webRoute("{uri: {prefix: /a}}") +
				strings.Replace(webRoute("{uri: {prefix: /a/b}}"), "name: a,", "name: b,", 1),
			shop + object("Gateway", "edge", webGateway) + webRoute("{uri: {prefix: /a/}}") +
				strings.Replace(webRoute("{uri: {prefix: /b/}}"), "name: a,", "name: b,", 1),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := func(f Finding) bool { return f.Kind == c.kind }
			table := read(t, "a.yaml", c.has)
			if !slices.ContainsFunc(table.Findings, func(f Finding) bool {
				return is(f) && strings.Contains(f.Text, c.text) && f.Source.Line > 0 && strings.HasSuffix(f.Do, ".")
			}) {
				t.Errorf("got %+v, want %s with %q", table.Findings, c.kind, c.text)
			}
			checkClasses(t, table)
			if table = read(t, "a.yaml", c.not); slices.ContainsFunc(table.Findings, is) {
				t.Errorf("without the mistake: got %+v, want no %s", table.Findings, c.kind)
			}
		})
	}
}

// nearer has a DestinationRule of the callers' namespace, with what follows in its spec, beside the Service's own.
func nearer(spec string) string {
	store := "apiVersion: v1\nkind: Service\nmetadata: {name: data, namespace: shop}\n" +
		"spec: {selector: {app: data}, ports: [{name: http, port: 80}]}\n" +
		object("DestinationRule", "far", "host: data\nsubsets: [{name: v1, labels: {version: v1}}]")
	const host = "data.store.svc.cluster.local"
	return strings.ReplaceAll(store, "namespace: shop", "namespace: store") +
		object("DestinationRule", "near", "host: "+host+"\ntrafficPolicy: {tls: {mode: ISTIO_MUTUAL}}"+spec) +
		vs("v", "  hosts: ["+host+"]\n  http: [{route: [{destination: {host: "+host+", subset: v1}}]}]")
}
