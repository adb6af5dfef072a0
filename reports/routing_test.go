package reports_test

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

const shopHost = "reviews.shop.svc.cluster.local"

// routed is a test of four rules: one is kept, one has a subset without pods, one is shadowed, and of the last one no
// request could be sent.
func routed() (reports.Routing, analysis.Observation, []reports.Verdict) {
	all := func(subset string, percent float64) reports.Place {
		return reports.Place{Host: shopHost, Subset: subset, Percent: percent}
	}
	r := reports.Routing{
		Rules: []reports.RoutingRule{
			{Source: "shop.yaml:10", Object: "VirtualService shop/reviews", Path: "http[0].match[0]", If: "uri is /a"},
			{Source: "shop.yaml:20", Object: "VirtualService shop/reviews", Path: "http[1]", If: "any request"},
			{Source: "shop.yaml:30", Object: "VirtualService shop/reviews", Path: "http[2]", ShadowedBy: 2},
			{Source: "shop.yaml:40", Object: "VirtualService shop/other", Path: "http[0]", Unmet: "it matches nothing"},
		},
		Classes: []reports.RequestClass{
			{Cohort: "a", Request: "GET /a", Rule: 1, Takes: 1, Asked: []reports.Place{all("v1", 100)}},
			{
				Cohort: "b", Request: "GET /b", Rule: 2, Takes: 2,
				Asked: []reports.Place{all("v1", 80), all("v3", 20)},
			},
			{
				Cohort: "c", Request: "GET /c", Rule: 2, Takes: 2,
				Asked: []reports.Place{all("v1", 80), all("v3", 20)},
			},
			{Request: "GET /d", Unsent: "it comes by TLS"},
		},
	}
	v1 := func(n int) analysis.Landing {
		return analysis.Landing{Host: shopHost, Port: 80, Subset: "v1", Version: "reviews-v1", Code: 200, Count: n}
	}
	uh := analysis.Landing{
		Host: shopHost, Port: 80, Subset: "v3", Code: 503, Flag: "UH", Hop: analysis.ClientHop, Cause: "no host",
		Count: 40,
	}
	o := analysis.Observation{Settled: analysis.Window{Cohorts: map[string]analysis.Counts{
		"a": {Requests: 60, Landings: []analysis.Landing{v1(60)}},
		"b": {Requests: 200, Landings: []analysis.Landing{v1(160), uh}},
		"c": {Requests: 200, Landings: []analysis.Landing{v1(160), uh}},
	}}}
	return r, o, []reports.Verdict{
		{Kind: reports.KindLands, Cohort: "a", Outcome: reports.Pass},
		{Kind: reports.KindLands, Cohort: "b", Outcome: reports.Fail, Why: "elsewhere"},
		{Kind: reports.KindLands, Cohort: "c", Outcome: reports.Fail, Why: "elsewhere"},
	}
}

func TestRoutingJudge(t *testing.T) {
	r, o, verdicts := routed()
	r.Judge(o, verdicts)
	if len(r.Found) != 1 {
		t.Fatalf("got %+v, want one surprise for both classes of the rule", r.Found)
	}
	f := r.Found[0]
	if f.Source != "shop.yaml:20" || f.Rule != 2 || len(f.Classes) != 2 ||
		!strings.Contains(f.Text, "says 80 % reviews.shop subset v1, 20 % reviews.shop subset v3. Of 400 ") ||
		!strings.Contains(f.Text, "requests, 20.0 % 503 UH") ||
		!strings.Contains(f.Do, "No ready pod is behind reviews.shop subset v3") {
		t.Errorf("got %+v", f)
	}
	if r.Judge(o, verdicts); len(r.Found) != 1 {
		t.Errorf("got %d surprises when it is judged once more, want 1", len(r.Found))
	}
	const want = "1 rule sends its requests where the YAML says, 1 does not, 2 were met by no request " +
		"(460 requests of 3 classes were sent)."
	if got := r.Sentence(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	gaps := r.Gaps()
	if len(gaps) != 2 || !strings.Contains(gaps[0].Why, "http[1] first (shop.yaml:20)") ||
		gaps[1].Why != "it matches nothing" {
		t.Errorf("got gaps %+v", gaps)
	}
	groups := r.Groups()
	if len(groups) != 2 || groups[1].Outcome != reports.Fail || len(groups[1].Shares) != 3 {
		t.Fatalf("got groups %+v, want two, the second with a row for what was not to happen", groups)
	}
	stray := groups[1].Shares[2]
	if !stray.Stray || stray.Seen.Count != 80 || stray.Seen.Of != 400 || stray.Asked != "" {
		t.Errorf("got %+v, want 80 of 400 that were not to happen", stray)
	}
}

// A share that is off has no landing elsewhere: the surprise tells what was seen of each place.
func TestRoutingSurpriseOfAShare(t *testing.T) {
	r, o, verdicts := routed()
	c := o.Settled.Cohorts["b"]
	c.Landings = []analysis.Landing{
		{Host: shopHost, Subset: "v1", Version: "x", Code: 200, Count: 100},
		{Host: shopHost, Subset: "v3", Version: "y", Code: 200, Count: 100},
	}
	o.Settled.Cohorts["b"] = c
	verdicts[2].Outcome = reports.Pass
	r.Judge(o, verdicts)
	if len(r.Found) != 1 || !strings.Contains(r.Found[0].Text, "50.0 % reviews.shop subset v3 (95 % interval") ||
		!strings.Contains(r.Found[0].Do, "weights") {
		t.Errorf("got %+v", r.Found)
	}
}

func TestPlaceTakes(t *testing.T) {
	ok := analysis.Landing{Host: "a", Port: 80, Subset: "v1", Version: "x", Code: 200}
	notFound := analysis.Landing{Code: 404, Flag: "NR", Hop: analysis.ClientHop}
	for _, test := range []struct {
		name string
		p    reports.Place
		l    analysis.Landing
		want bool
	}{
		{"its own", reports.Place{Host: "a", Subset: "v1"}, ok, true},
		{"any port", reports.Place{Host: "a", Port: 80, Subset: "v1"}, ok, true},
		{"another port", reports.Place{Host: "a", Port: 81, Subset: "v1"}, ok, false},
		{"another subset", reports.Place{Host: "a"}, ok, false},
		{"a failure there", reports.Place{Host: "a"}, analysis.Landing{Host: "a", Code: 503}, false},
		{"no route", reports.Place{Status: 404}, notFound, true},
		{"a 404 of the app", reports.Place{Status: 404}, analysis.Landing{Host: "a", Version: "x", Code: 404}, false},
		{
			"no host is no fault", reports.Place{Status: 503},
			analysis.Landing{Code: 503, Flag: "UH", Hop: analysis.ClientHop}, false,
		},
		{"a fault", reports.Place{Status: 503}, analysis.Landing{Code: 503, Flag: "FI", Hop: analysis.ClientHop}, true},
		{"a policy", reports.Place{Status: 403}, analysis.Landing{Code: 403, Hop: analysis.ServerHop}, false},
	} {
		if got := test.p.Takes(test.l); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
