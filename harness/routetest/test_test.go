package routetest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/routetest"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/reports"
)

// of makes the test of a file.
func of(t *testing.T, path, stdin string, expected ...string) (*routetest.Test, error) {
	t.Helper()
	e, err := routetest.ReadExpectations(t.Context(), expected...)
	if err != nil {
		t.Fatal(err)
	}
	set, err := standin.Load(t.Context(), []string{path}, strings.NewReader(stdin), expected...)
	if err != nil {
		t.Fatal(err)
	}
	o := standin.Options{Image: "canarylab/sampleapp:dev"}
	return routetest.New("own-shop", "The rules of a shop", set, nil, o, e)
}

// The example of the documentation can be played, and each of its rules has what the documentation says.
func TestExample(t *testing.T) {
	made, err := of(t, "../../docs/your-canary/shop.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	s := made.Scenario
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := s.Namespaces(); !slices.Equal(got, []string{"shop"}) {
		t.Errorf("got namespaces %q, want shop", got)
	}
	r := s.Phases[0].Routing
	if len(r.Rules) != 5 {
		t.Fatalf("got %d rules, want 5", len(r.Rules))
	}
	if got := r.Rules[2]; got.ShadowedBy != 2 || got.If != "uri begins with /api/v3" ||
		!strings.HasSuffix(got.Source, ":142") {
		t.Errorf("got %+v, want that rule 2 shadows the rule of /api/v3, which is in line 142", got)
	}
	met := map[int]int{}
	for _, c := range r.Classes {
		if c.Cohort == "" {
			t.Errorf("%s is not sent: %s", c.Request, c.Unsent)
			continue
		}
		met[c.Takes]++
		if c.Takes == 2 && (len(c.Asked) != 2 || c.Asked[0].Percent != 90 || c.Asked[1].Subset != "v2") {
			t.Errorf("%s: got %+v, want 90 %% to v1 and 10 %% to v2", c.Request, c.Asked)
		}
	}
	for rule, want := range map[int]bool{1: true, 2: true, 3: false, 4: true, 5: true} {
		if (met[rule] > 0) != want {
			t.Errorf("rule %d: got %d classes that it takes, want some: %v", rule, met[rule], want)
		}
	}
	shares := 0
	for _, e := range s.Phases[0].Expect {
		if e.Need() > 100 {
			shares++
		}
	}
	if len(s.Phases[0].Expect) < 5 || shares == 0 {
		t.Errorf("got %d claims, %d of them about shares", len(s.Phases[0].Expect), shares)
	}
	if standin.WorkloadLabel != environment.WorkloadLabel {
		t.Errorf("stand-ins have the label %s, and the lab looks for another one", standin.WorkloadLabel)
	}
	for _, c := range s.Load.Cohorts {
		if !strings.HasPrefix(c.URL, "http://r") || c.Rate < 1 {
			t.Errorf("got %+v, want the host that callers ask for, and a rate", c)
		}
	}
}

func TestNothingToTest(t *testing.T) {
	_, err := of(t, "-", `
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec: {selector: {app: a}, ports: [{name: tcp, port: 3306}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, namespace: shop}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec: {containers: [{name: a, image: a}]}
`)
	if !errors.Is(err, routetest.ErrNothing) && !errors.Is(err, standin.ErrInput) {
		t.Errorf("got %v, want that there is nothing to test", err)
	}
}

func TestName(t *testing.T) {
	for path, want := range map[string]string{
		"/x/k8s/": "own-k8s", "shop.yaml": "own-shop", "-": "own", "/a/My App.yml": "own-my-app",
		strings.Repeat("long-", 20): "own-long-long-long-long-long-long-long-l",
	} {
		if got := routetest.Name(path); got != want || len(got) > 40 {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// The table has a group for each rule, and what was seen beside what was asked.
func TestGroups(t *testing.T) {
	made, err := of(t, "../../docs/your-canary/shop.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	r := made.Scenario.Phases[0].Routing
	shadowed := 0
	for _, m := range r.Remarks {
		if m.Fails && strings.Contains(m.Text, "http[1].match[0]") {
			shadowed++
		}
	}
	if shadowed != 1 {
		t.Errorf("got %+v, want once that the shadowed rule fails, and by which", r.Remarks)
	}
	if slices.ContainsFunc(r.Gaps(), func(g reports.RoutingGap) bool { return g.Rule.ShadowedBy > 0 }) {
		t.Error("the shadowed rule is told twice")
	}
	fails := 0
	for _, e := range made.Scenario.Phases[0].Expect {
		if expect.RecordOf(e).Kind == reports.KindDead {
			fails++
		}
	}
	if fails != 1 {
		t.Errorf("got %d claims that a rule is not dead, want one", fails)
	}
}

// What a policy denies at the pods has been copied before: its copies are accounted for too.
func TestDeniedRequestsAreCopied(t *testing.T) {
	made, err := of(t, "../../docs/your-canary/httpbin.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	post := 0
	for _, c := range made.Scenario.Load.Cohorts {
		if c.Method == "POST" {
			post++
		}
		if c.Copies != 1 {
			t.Errorf("%s: got %d copies, want 1", c.Name, c.Copies)
		}
	}
	if post == 0 {
		t.Error("got no request that the policy denies, want one")
	}
}
