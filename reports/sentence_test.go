package reports

import (
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestSentence(t *testing.T) {
	verdict := func(o Outcome) Phase {
		return Phase{Name: "canary", Verdicts: []Verdict{{Want: "10 % fail", Saw: "9.8 %", Outcome: o}}}
	}
	sent := analysis.Accounting{Requests: 100}
	late := analysis.Accounting{
		Requests: 1, Problems: []analysis.Problem{{Void: true, Basis: analysis.OnTime, Text: "p"}},
	}
	void := verdict(Invalid)
	void.Verdicts[0].Void = []analysis.Basis{analysis.OnTime}
	for _, test := range []struct {
		name, want string
		r          Report
	}{
		{
			"pass", "The one claim holds in 1 phase. The main one is “10 % fail”; seen: 9.8 %.",
			Report{Accounting: sent, Phases: []Phase{verdict(Pass)}},
		},
		{
			"all pass", "All 2 claims hold in 2 phases. The main one is “10 % fail”; seen: 9.8 %.",
			Report{Accounting: sent, Phases: []Phase{verdict(Pass), verdict(Pass)}},
		},
		{"fail", "1 of 3 claims is contradicted by what was seen, and 1 could not be decided; the first of them is " +
			"in phase 2, canary.",
			Report{Accounting: sent, Phases: []Phase{verdict(Pass), verdict(Inconclusive), verdict(Fail)}}},
		{
			"open", "1 of 1 claim could not be decided; the first of them is in phase 1, canary.",
			Report{Accounting: sent, Phases: []Phase{verdict(Inconclusive)}},
		},
		{"broken", "The run did not come to its end: no API server.", Report{
			Accounting: sent, Broken: "no\nAPI server", Phases: []Phase{verdict(Pass)},
		}},
		{"no data", "No request was sent, so that nothing is shown.", Report{Phases: []Phase{verdict(Pass)}}},
		{"accounting", "The numbers can't be trusted, whatever they say of the 1 claim: p; and 1 more problem.",
			Report{
				Accounting: analysis.Accounting{Requests: 1, Problems: []analysis.Problem{{Text: "p"}, {Text: "q"}}},
				Phases:     []Phase{verdict(Pass)},
			}},
		{
			"late", "The one claim holds in 1 phase. The main one is “10 % fail”; seen: 9.8 %.",
			Report{Accounting: late, Phases: []Phase{verdict(Pass)}},
		},
		{"void", "1 of 3 claims is void, 1 contradicted; the first that did not pass is in phase 2, canary. What " +
			"is void rests on requests that were sent when they were due, and p: play it again with nothing else " +
			"running, or at a lower rate (--rate).",
			Report{Accounting: late, Phases: []Phase{verdict(Pass), void, verdict(Fail)}}},
		{"trouble", "All 1 claim hold, but the lab was disturbed while it measured (istiod died), so that nothing " +
			"is concluded.",
			Report{
				Accounting: analysis.Accounting{Requests: 1, Troubles: []trace.Event{{Text: "istiod died"}}},
				Phases:     []Phase{verdict(Pass)},
			}},
		{"nothing claimed", "Nothing was claimed, so that nothing is shown.", Report{Accounting: sent}},
	} {
		if got := Sentence(&test.r); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
