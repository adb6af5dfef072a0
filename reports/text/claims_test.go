package text_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/reports/markdown"
	"github.com/canarylab/canarylab/reports/text"
)

// What somebody expects besides the YAML, what a change lost and how to lose nothing are in every format.
func TestClaimsOfARouting(t *testing.T) {
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	to := func(subset string, n int) analysis.Landing {
		return analysis.Landing{Host: "reviews", Subset: subset, Version: subset, Code: 200, Count: n}
	}
	lost := analysis.Landing{Host: "reviews", Subset: "v2", Code: 503, Flag: "NC", Hop: analysis.ClientHop, Count: 7}
	o := analysis.Observation{
		Start: at, SettledAt: at.Add(time.Second), Change: &analysis.Change{Writing: at, Written: at},
		Transition: analysis.Window{
			Total: analysis.Counts{Requests: 50},
			Cohorts: map[string]analysis.Counts{
				"a": {Requests: 50, Landings: []analysis.Landing{to("v1", 43), lost}},
			},
		},
		Settled: analysis.Window{Cohorts: map[string]analysis.Counts{
			"a": {Requests: 60, Landings: []analysis.Landing{to("v2", 60)}},
		}},
	}
	r := &reports.Routing{
		Rules: []reports.RoutingRule{{
			Source: "shop.yaml:10", Object: "VirtualService shop/reviews", If: "any request",
		}},
		Classes: []reports.RequestClass{{
			Cohort: "a", Request: "GET reviews/", Takes: 1,
			Was:   []reports.Place{{Host: "reviews", Subset: "v1", Percent: 100}},
			Asked: []reports.Place{{Host: "reviews", Subset: "v2", Percent: 100}},
		}},
		Order: []string{"apply DestinationRule shop/reviews, and wait", "apply VirtualService shop/reviews"},
	}
	verdicts := []reports.Verdict{
		{Kind: reports.KindLands, Cohort: "a", Outcome: reports.Pass, Want: "they end there"},
		{Kind: "share", Outcome: reports.Fail, Want: "10 % of beta by v2", Saw: "60 of 60", Why: "far too many"},
		{Kind: reports.KindStays, Cohort: "a", Outcome: reports.Pass, Want: "nothing is lost"},
	}
	r.Judge(o, verdicts)
	if r.Loss == nil || r.Loss.Lost != 7 || r.Loss.Requests != 50 {
		t.Fatalf("got loss %+v, want 7 of 50", r.Loss)
	}
	rep := &reports.Report{
		Scenario: "own-shop", Title: "The rules", Outcome: reports.Fail,
		Phases: []reports.Phase{{Name: "as it is written", Observation: o, Verdicts: verdicts, Routing: r}},
	}
	run := &reports.Run{Report: rep}
	var plain, md, page bytes.Buffer
	if err := text.Write(&plain, rep, text.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := markdown.Write(&md, run); err != nil {
		t.Fatal(err)
	}
	if err := html.Write(&page, run); err != nil {
		t.Fatal(err)
	}
	for name, shown := range map[string]string{"text": plain.String(), "Markdown": md.String(), "HTML": page.String()} {
		flat := strings.Join(strings.Fields(shown), " ")
		for _, want := range []string{
			"Lost on the way: 7 of 50 requests", "apply DestinationRule shop/reviews, and wait", "10 % of beta by v2",
			"far too many", "shop.yaml:10",
		} {
			if !strings.Contains(flat, want) {
				t.Errorf("%s lacks %q:\n%s", name, want, shown)
			}
		}
	}
	if flat := plain.String(); !strings.Contains(flat, "✓ 1 class of requests ended nowhere but") ||
		strings.Contains(flat, "they end there") {
		t.Errorf("got\n%s\nwant what passes of the change in one line, and no claim that the table has", flat)
	}
	for _, want := range []string{`<table class="routing">`, "A safe order"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
