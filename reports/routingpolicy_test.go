package reports

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
)

// What a policy denies ends at the place that names the policy, and neither an app's own 403 nor another pod's does.
func TestPlaceOfAPolicy(t *testing.T) {
	denied := Place{Host: "a", Subset: "v1", Policy: "AuthorizationPolicy shop/p", Percent: 100}
	for name, tc := range map[string]struct {
		l    analysis.Landing
		want bool
	}{
		"denied": {analysis.Landing{Host: "a", Subset: "v1", Code: 403, Hop: analysis.ServerHop,
			Details: "rbac_access_denied_matched_policy[none]"}, true},
		"the app's own":  {analysis.Landing{Host: "a", Subset: "v1", Code: 403, Version: "v1"}, false},
		"another subset": {analysis.Landing{Host: "a", Subset: "v2", Code: 403, Details: "rbac_access_denied"}, false},
		"let through":    {analysis.Landing{Host: "a", Subset: "v1", Code: 200, Version: "v1"}, false},
	} {
		if got := denied.Takes(tc.l); got != tc.want {
			t.Errorf("%s: got %t, want %t", name, got, tc.want)
		}
	}
	if got := denied.Name(); got != "403 at a subset v1, denied by AuthorizationPolicy shop/p" {
		t.Errorf("got %q", got)
	}
}

// A rule of a policy has the requests about which it decides, or why there are none.
func TestPolicyRows(t *testing.T) {
	r := &Routing{
		Policies: []RoutingPolicy{{Path: "rules[0]"}, {Path: "rules[1]", Unmet: "it asks for a token"}},
		Classes: []RequestClass{
			{Cohort: "a", Policy: 1, Requests: 60, Outcome: Pass, Caller: "shop/web"},
			{Cohort: "b", Policy: 1, Requests: 60, Outcome: Fail},
			{Unsent: "there are 6 callers", Policy: 2, Request: "GET /"},
		},
	}
	rows := r.PolicyRows()
	if len(rows) != 2 || rows[0].Requests != 120 || rows[0].Outcome != Fail || rows[0].Why != "" ||
		rows[0].Callers() != "shop/web, "+usualCaller {
		t.Fatalf("got %+v", rows)
	}
	if rows[1].Requests != 0 || !strings.Contains(rows[1].Why, "6 callers") {
		t.Errorf("got %+v, want why it is not seen", rows[1])
	}
}

// An answer that is not as the YAML says is a surprise, with the rule, and one that is has its share.
func TestAnswersAreJudged(t *testing.T) {
	r := &Routing{
		Rules: []RoutingRule{{Source: "vs.yaml:7", Object: "VirtualService shop/a", Path: "http[0]"}},
		Classes: []RequestClass{{Cohort: "c", Takes: 1, Request: "GET a/x", Answers: []RoutingAnswer{
			{Note: "the path that the app sees", Want: "/y", Percent: 100, Claim: "good"},
			{Note: "header x-a of the answer", Want: "", Percent: 100, Claim: "bad"},
		}}},
	}
	o := analysis.Observation{}
	o.Settled.Cohorts = map[string]analysis.Counts{"c": {Requests: 60, Noted: map[string]map[string]int{
		"the path that the app sees": {"/y": 60}, "header x-a of the answer": {"": 10, "1": 50},
	}}}
	r.Judge(o, []Verdict{
		{Kind: KindNoted, Cohort: "c", Want: "good", Outcome: Pass},
		{Kind: KindNoted, Cohort: "c", Want: "bad", Outcome: Fail, Why: `50 were "1"`},
	})
	rows := r.AnswerRows()
	if len(rows) != 2 || rows[0].Seen.Count != 60 || rows[0].Outcome != Pass || rows[1].Seen.Count != 10 {
		t.Fatalf("got %+v", rows)
	}
	if len(r.Found) != 1 || r.Found[0].Source != "vs.yaml:7" || !strings.Contains(r.Found[0].Text, "is absent") ||
		!strings.Contains(r.Found[0].Text, `50 were "1"`) {
		t.Errorf("got %+v, want the header alone", r.Found)
	}
}
