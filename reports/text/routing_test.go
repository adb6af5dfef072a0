package text_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/text"
)

// The table of somebody's own rules says what was asked and seen, what contradicts it, and which rule is dead.
func TestRouting(t *testing.T) {
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	host := "reviews.shop.svc.cluster.local"
	o := analysis.Observation{Start: at, SettledAt: at, Settled: analysis.Window{Cohorts: map[string]analysis.Counts{
		"a": {Requests: 60, Landings: []analysis.Landing{{Code: 404, Flag: "NR", Hop: analysis.ClientHop, Count: 60}}},
	}}}
	verdicts := []reports.Verdict{{Kind: reports.KindLands, Cohort: "a", Outcome: reports.Fail, Why: "elsewhere"}}
	r := &reports.Routing{
		Rules: []reports.RoutingRule{
			{Source: "shop.yaml:10", Object: "VirtualService shop/reviews", Path: "http[0]", If: "uri is /a"},
			{Source: "shop.yaml:20", Object: "VirtualService shop/reviews", Path: "http[1]", ShadowedBy: 1},
		},
		Classes: []reports.RequestClass{
			{
				Cohort: "a", Request: "GET reviews/a", Takes: 1,
				Asked: []reports.Place{{Host: host, Subset: "v1", Percent: 100}},
			},
			{Request: "GET reviews/b", Unsent: "it comes by TLS"},
		},
		Remarks: []reports.RoutingRemark{
			{Kind: "shadowed", Source: "shop.yaml:20", Text: "It takes none.", Do: "Turn them around.", Mistake: true},
			{Kind: "left-out", Source: "shop.yaml:30", Object: "ConfigMap shop/x", Text: "It is not applied."},
		},
	}
	r.Judge(o, verdicts)
	rep := &reports.Report{
		Scenario: "own-shop", Title: "The rules", Outcome: reports.Fail,
		Phases: []reports.Phase{{Name: "as it is written", Observation: o, Verdicts: verdicts, Routing: r}},
	}
	var b bytes.Buffer
	if err := text.Write(&b, rep, text.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"own-shop  ✗ fail", "✗ shop.yaml:10 uri is /a", "    reviews.shop subset v1 ", "404 NR",
		"do: No rule takes this request", "rules that no request met", "first (shop.yaml:10)", "Turn them around.",
		"ConfigMap shop/x: It is not applied.", "GET reviews/b: it comes by TLS",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, b.String())
		}
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if len([]rune(line)) > 100 {
			t.Errorf("got a line of %d columns: %s", len([]rune(line)), line)
		}
	}
}

// Why claims are void is said once, with the claims, and so it is of classes of which nothing can be said.
func TestVoidIsSaidOnce(t *testing.T) {
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	const why = "a tenth of the requests were sent late"
	var verdicts []reports.Verdict
	r := &reports.Routing{}
	for _, name := range []string{"a", "b", "c"} {
		verdicts = append(verdicts, reports.Verdict{
			Kind: reports.KindStays, Cohort: name, Outcome: reports.Invalid, Why: why, Want: "no request of " + name +
				" is lost", Saw: "nothing",
		})
		r.Classes = append(r.Classes, reports.RequestClass{
			Cohort: name, Request: "GET reviews/" + name, Outcome: reports.Invalid, Reason: why,
		})
	}
	rep := &reports.Report{Scenario: "own-shop", Outcome: reports.Invalid, Phases: []reports.Phase{{
		Name: "as it is written", Observation: analysis.Observation{Start: at, SettledAt: at}, Verdicts: verdicts,
		Routing: r,
	}}}
	var b bytes.Buffer
	if err := text.Write(&b, rep, text.Options{}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), why); n != 2 {
		t.Errorf("got the reason %d times, want it once for claims and once for classes:\n%s", n, b.String())
	}
	for _, want := range []string{
		"! 3 claims: ", "  - no request of b is lost; seen: nothing", "! 3 classes of requests",
		"  - GET reviews/c",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, b.String())
		}
	}
}
