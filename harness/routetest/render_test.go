package routetest_test

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// What a dead rule of a policy means is in the surprise, with what became of it, and the rule is in no other list.
func TestDeadPolicyIsToldOnce(t *testing.T) {
	r := &reports.Routing{
		Policies: []reports.RoutingPolicy{{Object: "AuthorizationPolicy a/b", Path: "rules[0]", Dead: true}},
		Remarks:  []reports.RoutingRemark{{Object: "AuthorizationPolicy a/b", Text: "No port 80.", Fails: true}},
		Classes:  []reports.RequestClass{{Cohort: "c", Request: "GET x/admin", Caller: "a/c", Meant: 1}},
	}
	o := analysis.Observation{}
	o.Settled.Cohorts = map[string]analysis.Counts{"c": {
		Requests: 60, Landings: []analysis.Landing{{Host: "x", Version: "v1", Code: 200, Count: 60}},
	}}
	r.Judge(o, nil)
	const want = "AuthorizationPolicy a/b: No port 80. Of 60 requests that it means (GET x/admin, by a/c), " +
		"60 got no 403."
	if len(r.Found) != 1 || r.Found[0].Text != want {
		t.Errorf("got %+v, want %q", r.Found, want)
	}
	if rows := r.PolicyRows(); len(rows) != 0 {
		t.Errorf("got %+v, want no row", rows)
	}
}
