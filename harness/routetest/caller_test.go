package routetest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/routetest"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// callers is the example of the documentation, played.
func callers(t *testing.T) *routetest.Test {
	t.Helper()
	made, err := of(t, "../../docs/your-canary/callers.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Scenario.Validate(); err != nil {
		t.Fatal(err)
	}
	return made
}

// sentBy finds the classes of a caller.
func sentBy(r *reports.Routing, caller string) []reports.RequestClass {
	return slices.DeleteFunc(slices.Clone(r.Classes), func(c reports.RequestClass) bool {
		return c.Caller != caller || c.Cohort == ""
	})
}

// Each rule is asked by whom it means, with the labels and the account that it knows them by.
func TestCallersOfTheirOwn(t *testing.T) {
	made := callers(t)
	s := made.Scenario
	r := s.Phases[0].Routing
	standing := map[string]addons.Caller{}
	for _, c := range s.Site.Callers {
		standing[c.Namespace+"/"+c.Account] = c
	}
	store, batch := standing["shop/storefront"], standing["batch/nightly"]
	if store.Labels["app"] != "storefront" || batch.Labels["app"] != "nightly" {
		t.Fatalf("got callers %+v, want storefront and nightly", s.Site.Callers)
	}
	if !slices.Contains(s.Namespaces(), "batch") {
		t.Errorf("got namespaces %v, want that of a caller among them", s.Namespaces())
	}
	for _, c := range r.Classes {
		if c.Cohort == "" {
			t.Errorf("%s is not sent: %s", c.Words(), c.Unsent)
		}
	}
	met := map[int]bool{}
	for _, c := range r.Classes {
		if len(c.Asked) > 0 && c.Asked[0].Policy == "" {
			met[c.Takes] = true
		}
	}
	for rule := 1; rule <= len(r.Rules); rule++ {
		if !met[rule] {
			t.Errorf("rule %d (%s): no class is let through to it", rule, r.Rules[rule-1].If)
		}
	}
	for _, c := range s.Load.Cohorts {
		if c.Caller != "" && c.Via() != loadgen.Sidecar {
			t.Errorf("%s: got the entry %s for a named caller", c.Name, c.Entry)
		}
	}
}

// What a policy denies is asked as a 403 by that policy, and each of its rules decides about some class.
func TestPoliciesAreExpected(t *testing.T) {
	r := callers(t).Scenario.Phases[0].Routing
	if len(r.Policies) != 3 {
		t.Fatalf("got %d rules of policies, want 3", len(r.Policies))
	}
	decided := map[int]bool{}
	denied := map[string]bool{}
	for _, c := range r.Classes {
		decided[c.Policy] = true
		for _, p := range c.Asked {
			if p.Policy != "" {
				denied[p.Policy] = true
			}
		}
	}
	for i, p := range r.Policies {
		if !decided[i+1] {
			t.Errorf("%s %s decides about no class: %s", p.Object, p.Path, p.Unmet)
		}
	}
	for _, name := range []string{"reviews-callers", "reviews-admin"} {
		if !denied["AuthorizationPolicy shop/"+name] {
			t.Errorf("got denials by %v, want some by %s", denied, name)
		}
	}
	for _, c := range sentBy(r, "batch/nightly") {
		if strings.Contains(c.Request, "/admin") && c.Asked[0].Policy != "" {
			t.Errorf("%s: got %+v, want that it is let through", c.Words(), c.Asked)
		}
	}
}

// A Service does not take a caller for one of its pods, though it has their labels.
func TestCallersAnswerNobody(t *testing.T) {
	made := callers(t)
	for _, o := range made.Own.Plan.Objects() {
		if o.GetKind() != "Service" || o.GetName() != "storefront" {
			continue
		}
		selector, _ := o.Object["spec"].(map[string]any)["selector"].(map[string]any)
		if len(selector) != 2 || selector["app"] != "storefront" {
			t.Errorf("got the selector %v, want one that a caller misses", selector)
		}
	}
}

// A rule of a policy that asks for a port of the Service's fails the run, once.
func TestDeadPolicy(t *testing.T) {
	made, err := of(t, "-", strings.Replace(ledger, "PORT", "80", 1))
	if err != nil {
		t.Fatal(err)
	}
	phase := made.Scenario.Phases[0]
	fails := 0
	for _, m := range phase.Routing.Remarks {
		if m.Fails {
			fails++
		}
	}
	if !phase.Routing.Policies[0].Dead || fails != 1 {
		t.Errorf("got %+v and %d remarks that fail, want one", phase.Routing.Policies, fails)
	}
	made, err = of(t, "-", strings.Replace(ledger, "PORT", "8080", 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range made.Scenario.Phases[0].Routing.Remarks {
		if m.Fails {
			t.Errorf("got %+v, want nothing that fails", m)
		}
	}
}

// There are as many callers as there may be, and what others would have sent is listed with the reason.
func TestTooManyCallers(t *testing.T) {
	var principals []string
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		principals = append(principals, "  - from: [{source: {principals: [cluster.local/ns/other/sa/"+name+"]}}]")
	}
	made, err := of(t, "-", strings.Split(ledger, "apiVersion: security")[0]+`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: many, namespace: payments}
spec:
  rules:
`+strings.Join(principals, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := made.Scenario
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Site.Callers); n != 6 {
		t.Errorf("got %d callers, want 6", n)
	}
	if !slices.ContainsFunc(s.Phases[0].Routing.Classes, func(c reports.RequestClass) bool {
		return strings.Contains(c.Unsent, "6 callers")
	}) {
		t.Error("nothing says what was left out")
	}
	if !slices.Contains(s.Namespaces(), "other") {
		t.Errorf("got namespaces %v, want that of the callers among them", s.Namespaces())
	}
}

const ledger = `
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: payments}
spec: {selector: {app: ledger}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ledger, namespace: payments}
spec:
  selector: {matchLabels: {app: ledger}}
  template:
    metadata: {labels: {app: ledger}}
    spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: admin, namespace: payments}
spec:
  action: DENY
  rules:
  - from: [{source: {notPrincipals: [cluster.local/ns/payments/sa/ops]}}]
    to: [{operation: {ports: ["PORT"], paths: [/admin]}}]
`
