package authz

import (
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/harness/routes"
)

func read(t *testing.T, stream string) Policies {
	t.Helper()
	found, problems := manifest.Objects("policy.yaml", []byte(stream))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var all []routes.Object
	for _, o := range found {
		all = append(all, routes.Object{
			Unstructured: o.Unstructured, Source: routes.Source{File: "policy.yaml", Line: o.Line("")}, Line: o.Line,
		})
	}
	return Read(all)
}

// ledger has an ALLOW for two accounts, and a DENY of a path for all but one of them, at the given port.
func ledger(port string) string {
	return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers, namespace: payments}
spec:
  selector: {matchLabels: {app: ledger}}
  rules:
  - from:
    - source:
        principals: [cluster.local/ns/payments/sa/checkout, cluster.local/ns/payments/sa/ops]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: admin, namespace: payments}
spec:
  selector: {matchLabels: {app: ledger}}
  action: DENY
  rules:
  - from: [{source: {notPrincipals: [cluster.local/ns/payments/sa/ops]}}]
    to: [{operation: {ports: ["` + port + `"], paths: [/admin, /admin/*]}}]
`
}

var (
	pods     = Target{Namespace: "payments", Labels: map[string]string{"app": "ledger", "version": "v1"}, Port: 8080}
	checkout = Identity{"payments", "checkout"}
	ops      = Identity{"payments", "ops"}
	stranger = Identity{"payments", "default"}
)

func TestDecide(t *testing.T) {
	const rules = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n" +
		"metadata: {name: p, namespace: payments}\nspec: "
	get := func(from Identity, path string) Request { return Request{From: from, Method: "GET", Path: path} }
	post := Request{From: checkout, Method: "POST", Path: "/", Header: map[string]string{"X-Beta": "yes"}}
	for _, tc := range []struct {
		name, yaml string
		q          Request
		denied     bool
		unknown    bool
	}{
		{"no policy", "", get(stranger, "/"), false, false},
		{"named", ledger("8080"), get(checkout, "/"), false, false},
		{"not named", ledger("8080"), get(stranger, "/"), true, false},
		{"nobody", ledger("8080"), get(Identity{}, "/"), true, false},
		{"denied path", ledger("8080"), get(checkout, "/admin/users?a=b"), true, false},
		{"but not for ops", ledger("8080"), get(ops, "/admin"), false, false},
		{"beside the path", ledger("8080"), get(checkout, "/administer"), false, false},
		{"the Service's port", ledger("80"), get(checkout, "/admin"), false, false},
		{"allow nothing", rules + "{}", get(ops, "/"), true, false},
		{"allow all", rules + "{rules: [{}]}", get(Identity{}, "/"), false, false},
		{"other pods", rules + "{selector: {matchLabels: {app: web}}}", get(ops, "/"), false, false},
		{"namespace", rules + "{rules: [{from: [{source: {namespaces: [pay*]}}]}]}", get(stranger, "/"), false, false},
		{"account", rules + "{rules: [{from: [{source: {serviceAccounts: [ops, a/b]}}]}]}", get(ops, "/"), false,
			false},
		{"other account", rules + "{rules: [{from: [{source: {serviceAccounts: [a/ops]}}]}]}", get(ops, "/"), true,
			false},
		{"any identity", rules + "{rules: [{from: [{source: {principals: ['*']}}]}]}", get(Identity{}, "/"), true,
			false},
		{"method", rules + "{rules: [{to: [{operation: {methods: [GET]}}]}]}", post, true, false},
		{"header", rules + "{rules: [{when: [{key: 'request.headers[x-beta]', values: ['yes']}]}]}", post, false,
			false},
		{"no token", rules + "{rules: [{from: [{source: {requestPrincipals: ['*']}}]}]}", post, true, false},
		{"without a token", rules + "{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]}", post,
			true, false},
		{"address", rules + "{rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}", post, false, true},
		{"template", rules + "{rules: [{to: [{operation: {paths: ['/a/{*}/c']}}]}]}", get(ops, "/a/b/c"), false, false},
		{"long template", rules + "{rules: [{to: [{operation: {paths: ['/a/{**}']}}]}]}", get(ops, "/a/b/c"), false,
			false},
		{"custom", rules + "{action: CUSTOM, provider: {name: x}, rules: [{}]}", post, false, true},
		{"audit", rules + "{action: AUDIT, rules: [{}]}", post, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := read(t, tc.yaml).Decide(pods, tc.q)
			if got.Denied != tc.denied || (got.Unknown != "") != tc.unknown {
				t.Errorf("got %+v, want denied %t, unknown %t", got, tc.denied, tc.unknown)
			}
			if got.Denied && len(got.By) == 0 {
				t.Error("nobody says who denies it")
			}
		})
	}
}

// Each rule gets a request from those that it names and from one that it does not mean, and each probe is what it says.
func TestProbes(t *testing.T) {
	p := read(t, ledger("8080"))
	who := []Identity{stranger, checkout}
	for rule := range p.Rules {
		all, why := p.Probes(rule, pods, who)
		if why != "" {
			t.Fatalf("rule %d: got %q, want that it is met", rule, why)
		}
		met, missed := map[Identity]bool{}, map[Identity]bool{}
		for _, probe := range all {
			got := meets(p.Rules[rule].rule, "payments", pods, Request{
				From: probe.From, Method: probe.Method, Path: probe.Path,
			})
			if (got.is == yes) != probe.Meets {
				t.Errorf("rule %d: %+v: meets it: %v", rule, probe, got.is == yes)
			}
			if probe.Meets {
				met[probe.From] = true
			} else {
				missed[probe.From] = true
			}
		}
		if rule == 0 && (!met[checkout] || !met[ops] || !missed[stranger]) {
			t.Errorf("got %+v, want both that it names, and one that it does not", all)
		}
		if rule == 1 && (!met[stranger] || !missed[ops]) {
			t.Errorf("got %+v, want one that it denies, and one that it does not", all)
		}
	}
	if got := p.Rules[0].If; got != "from payments/checkout or payments/ops" {
		t.Errorf("got %q", got)
	}
}

// A port of the Service's keeps a rule from everybody, and what it means is sent all the same.
func TestDead(t *testing.T) {
	p := read(t, ledger("80"))
	if p.Dead(0, pods) || !p.Dead(1, pods) || read(t, ledger("8080")).Dead(1, pods) {
		t.Error("want the rule dead that asks for port 80, and no other")
	}
	if _, why := p.Probes(1, pods, []Identity{checkout}); !strings.Contains(why, "8080") {
		t.Errorf("got %q, want the pods' port", why)
	}
	all := p.Meant(1, pods, []Identity{checkout})
	if !slices.ContainsFunc(all, func(probe Probe) bool { return probe.From == checkout && probe.Path == "/admin" }) {
		t.Errorf("got %+v, want /admin from checkout", all)
	}
}

// What a rule excepts is what just misses it, and a method is one that proxies take.
func TestExcepted(t *testing.T) {
	p := read(t, "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"+
		"metadata: {name: p, namespace: payments}\n"+
		"spec: {rules: [{to: [{operation: {methods: ['P*'], notPaths: ['/private/*']}}]}]}")
	all, why := p.Probes(0, pods, []Identity{checkout})
	if why != "" || all[0].Method != "POST" {
		t.Fatalf("got %+v, %q, want a POST", all, why)
	}
	if !slices.ContainsFunc(all, func(probe Probe) bool {
		return !probe.Meets && probe.Path == "/private/canarylab" && probe.Method == "POST"
	}) {
		t.Errorf("got %+v, want one to what is excepted", all)
	}
}

func TestUnknown(t *testing.T) {
	got := read(t, ledger("8080")).Unknown([]Identity{checkout})
	if len(got) != 1 || !strings.Contains(got[0].Text, "sa/ops") {
		t.Errorf("got %+v, want the account ops alone", got)
	}
	if got := read(t, ledger("8080")).Unknown([]Identity{{"web", "default"}}); len(got) != 0 {
		t.Errorf("got %+v, want none: of that namespace nothing is known", got)
	}
}

// A rule that asks for what no caller of the lab's can have says so.
func TestUnmet(t *testing.T) {
	for field, want := range map[string]string{
		"requestPrincipals: ['*']":            "token",
		"ipBlocks: [10.0.0.0/8]":              "address",
		"principals: [other.org/ns/a/sa/b]":   "no caller",
		"principals: ['cluster.local/ns/a*']": "no caller",
	} {
		p := read(t, "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"+
			"metadata: {name: p, namespace: payments}\nspec: {rules: [{from: [{source: {"+field+"}}]}]}")
		if _, why := p.Probes(0, pods, []Identity{checkout}); !strings.Contains(why, want) {
			t.Errorf("%s: got %q, want %q in it", field, why, want)
		}
	}
}
