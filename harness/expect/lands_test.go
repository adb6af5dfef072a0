package expect

import (
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// landed is a settled phase in which the requests of cohort c ended so.
func landed(all ...analysis.Landing) analysis.Observation {
	c := analysis.Counts{Landings: all}
	for _, l := range all {
		c.Requests += l.Count
	}
	at := time.Unix(1, 0)
	return analysis.Observation{Start: at, SettledAt: at, Settled: analysis.Window{
		Cohorts: map[string]analysis.Counts{"c": c},
	}}
}

func TestLands(t *testing.T) {
	const host = "reviews.shop.svc.cluster.local"
	at := func(subset string, n int) analysis.Landing {
		return analysis.Landing{Host: host, Port: 80, Subset: subset, Version: "reviews-" + subset, Code: 200, Count: n}
	}
	v1, v2 := reports.Place{Host: host, Subset: "v1", Percent: 90}, reports.Place{Host: host, Subset: "v2", Percent: 10}
	all := reports.Place{Host: host, Subset: "v1", Percent: 100}
	notFound := analysis.Landing{Code: 404, Flag: "NR", Hop: analysis.ClientHop, Count: 60}
	noHost := analysis.Landing{Host: host, Subset: "v1", Code: 503, Flag: "UH", Hop: analysis.ClientHop, Count: 3}
	for _, test := range []struct {
		name   string
		claim  *lands
		seen   analysis.Observation
		want   reports.Outcome
		reason string
	}{
		{"all at its place", Lands("c", 60, all), landed(at("v1", 60)), reports.Pass, ""},
		{"one stray", Lands("c", 60, all), landed(at("v1", 59), at("v2", 1)), reports.Fail, "elsewhere: 1 to"},
		{"a few failed", Lands("c", 60, all), landed(at("v1", 57), noHost), reports.Fail, "503 UH"},
		{"too few", Lands("c", 60, all), landed(at("v1", 59)), reports.Inconclusive, "too few"},
		{"none at all", Lands("c", 60, all), landed(), reports.Inconclusive, "too few"},
		{"shares", Lands("c", 200, v1, v2), landed(at("v1", 181), at("v2", 19)), reports.Pass, ""},
		{"half and half", Lands("c", 200, v1, v2), landed(at("v1", 100), at("v2", 100)), reports.Fail, "share of 90 %"},
		{"no canary", Lands("c", 200, v1, v2), landed(at("v1", 200)), reports.Fail, "true share"},
		{
			"none seen of a small share", Lands("c", 60, v1, v2), landed(at("v1", 60)), reports.Inconclusive,
			"none was seen",
		},
		{"another port", Lands("c", 60, reports.Place{Host: host, Port: 81, Subset: "v1", Percent: 100}),
			landed(at("v1", 60)), reports.Fail, "elsewhere"},
		{"no route", Lands("c", 60, reports.Place{Status: 404, Percent: 100}), landed(notFound), reports.Pass, ""},
		{"a copy", Lands("c", 60, all, reports.Place{Host: host, Copy: true, Versions: []string{"m"}, Percent: 100}),
			landed(analysis.Landing{Host: host, Port: 80, Subset: "v1", Version: "x", Code: 200, Count: 60,
				Copies: map[string]int{"m": 60}}), reports.Pass, ""},
		{"no copies", Lands("c", 60, all, reports.Place{Host: host, Copy: true, Versions: []string{"m"}, Percent: 100}),
			landed(at("v1", 60)), reports.Fail, "copies to reviews.shop"},
		{"not logged", Lands("c", 60, all), landed(at("v1", 59), analysis.Landing{Version: "v1", Code: 200, Count: 1}),
			reports.Inconclusive, "no entry"},
	} {
		v := test.claim.Check(test.seen)
		if v.Outcome != test.want || !strings.Contains(v.Why, test.reason) {
			t.Errorf("%s: got %s (%s), want %s with %q", test.name, v.Outcome, v.Why, test.want, test.reason)
		}
	}
}

// A late agent can't have sent requests to another subset. It may have made them time out.
func TestLandsRestsOnTheLoadForWhatTheLoadCauses(t *testing.T) {
	claim := Lands("c", 10, reports.Place{Host: "a", Percent: 100})
	late := func(l analysis.Landing) bool {
		at := circumstances{Observation: landed(analysis.Landing{Host: "a", Version: "x", Code: 200, Count: 9}, l)}
		return claim.rests(claim.Check(at.Observation), at).onTime
	}
	if late(analysis.Landing{Host: "b", Version: "y", Code: 200, Count: 1}) {
		t.Error("another destination: got that it rests on the agent's being on time")
	}
	if !late(analysis.Landing{Host: "a", Code: 504, Flag: "UT", Hop: analysis.ClientHop, Count: 1}) {
		t.Error("a timeout: got that it does not rest on the agent's being on time")
	}
}

// A machine that is late does not void what is open, nor what passed.
func TestLandsIsOpenWhateverTheLateness(t *testing.T) {
	claim := Lands("c", 10, reports.Place{Host: "a", Percent: 100})
	late := analysis.Accounting{Problems: []analysis.Problem{{Void: true, Basis: analysis.OnTime, Text: "late"}}}
	for n, want := range map[int]reports.Outcome{5: reports.Inconclusive, 10: reports.Pass} {
		o := landed(analysis.Landing{Host: "a", Version: "x", Code: 200, Count: n})
		if v := Judge(claim, []analysis.Observation{o}, late); v.Outcome != want {
			t.Errorf("%d requests: got %s (%s), want %s", n, v.Outcome, v.Why, want)
		}
	}
}

func TestLandsIsChecked(t *testing.T) {
	for _, bad := range []*lands{
		Lands("", 1, reports.Place{Host: "a", Percent: 100}), Lands("c", 0, reports.Place{Host: "a", Percent: 100}),
		Lands("c", 1), Lands("c", 1, reports.Place{Host: "a", Percent: 60}),
		Lands("c", 1, reports.Place{Percent: 100}), Lands("c", 1, reports.Place{Host: "a", Status: 1, Percent: 100}),
	} {
		if bad.Validate() == nil {
			t.Errorf("%+v: got no error", bad)
		}
	}
}
