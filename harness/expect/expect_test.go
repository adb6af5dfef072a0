package expect

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

var began = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// counts are those of requests with the given answers by version; errors are of no version unless they say so.
func counts(versions map[string]int, failures ...analysis.Failure) analysis.Counts {
	c := analysis.Counts{Versions: maps.Clone(versions), Codes: map[int]int{}, Flags: map[string]int{}}
	for _, n := range versions {
		c.Requests += n
		c.Codes[200] += n
	}
	failed := 0
	for _, f := range failures {
		c.Requests += f.Count
		c.Codes[f.Code] += f.Count
		c.Flags[f.Key()] += f.Count
		c.Versions[f.Version] += f.Count
		failed += f.Count
		c.Failures = append(c.Failures, f)
	}
	c.Failed = analysis.NewShare(failed, c.Requests)
	return c
}

// settled is a phase that settled and met c, all of it from the cohort beta, while nobody else sent anything.
func settled(c analysis.Counts) analysis.Observation {
	return analysis.Observation{
		Start: began, SettledAt: began.Add(time.Second), End: began.Add(time.Minute),
		Settled: analysis.Window{Total: c, Cohorts: map[string]analysis.Counts{"beta": c}},
	}
}

func TestCheck(t *testing.T) {
	uh := func(n int) analysis.Failure { return analysis.Failure{Code: 503, Flag: "UH", Count: n} }
	app := func(n int) analysis.Failure { return analysis.Failure{Code: 503, Flag: "-", Version: "v2", Count: n} }
	unlogged := func(n int) analysis.Failure { return analysis.Failure{Code: 503, Flag: "?", Count: n} }
	refused := func(n int) analysis.Failure { return analysis.Failure{Code: 503, Flag: "UF,URX", Count: n} }
	noRoute := func(n int) analysis.Failure { return analysis.Failure{Code: 404, Flag: "NR", Count: n} }
	delayed := func(n int) analysis.Failure { return analysis.Failure{Code: 200, Flag: "DI", Version: "v1", Count: n} }
	split := func(v1, v2 int) analysis.Observation { return settled(counts(map[string]int{"v1": v1, "v2": v2})) }
	v1 := func(n int, failures ...analysis.Failure) analysis.Observation {
		return settled(counts(map[string]int{"v1": n}, failures...))
	}
	underWay := func(o analysis.Observation, v2 int) analysis.Observation {
		o.UnderWay = map[string]int{"v2": v2}
		return o
	}
	received := func(o analysis.Observation, v2 uint64) analysis.Observation {
		o.Received = map[string]uint64{"v2": v2}
		return o
	}
	unsettled := split(0, 0)
	unsettled.SettledAt = time.Time{}

	const pass, fail, inconclusive = reports.Pass, reports.Fail, reports.Inconclusive
	for _, test := range []struct {
		name string
		e    Expectation
		o    analysis.Observation
		want reports.Outcome
		why  string
	}{
		{"share", Share("v2", 5), split(4744, 256), pass, ""},
		{"share too high", Share("v2", 5), split(4625, 375), fail, "a true share of 5 % gives 190 to 315 of 5,000"},
		{"share too low", Share("v2", 5), split(4850, 150), fail, "a true share of 5 %"},
		{"share, few requests that fit", Share("v2", 5), split(95, 5), inconclusive, "100 requests are too few: this takes 3,767"},
		{"share, few requests that contradict", Share("v2", 5), split(50, 50), fail, "of 100 requests"},
		{"share, no data", Share("v2", 5), split(0, 0), inconclusive, "0 requests are too few"},
		{"share, never settled", Share("v2", 5), unsettled, inconclusive, "not seen to arrive"},
		{"share, never began", Share("v2", 5), analysis.Observation{}, inconclusive, "never began"},
		{"share, errors of Envoy count among all", Share("v1", 95), v1(4750, uh(250)), pass, ""},
		{"share, errors of Envoy are not v2's", Share("v2", 5), v1(4750, uh(250)), fail, ""},
		{"share, errors of the app are v2's", Share("v2", 5), v1(4750, app(250)), pass, ""},
		{"none", Share("v2", 0), split(2000, 0), pass, ""},
		{"none, one stray", Share("v2", 0), split(2000, 1), fail, "not one was allowed"},
		{"none, one stray of few", Share("v2", 0), split(10, 1), fail, "not one was allowed"},
		{"none, too few", Share("v2", 0), split(916, 0), inconclusive, "too few"},
		{"none, just enough", Share("v2", 0), split(917, 0), pass, ""},
		{"none, no data", Share("v2", 0), split(0, 0), inconclusive, ""},
		{"all", Share("v1", 100), split(2000, 0), pass, ""},
		{"all, one stray", Share("v1", 100), v1(2000, uh(1)), fail, "every one was wanted"},
		{"all, no data", Share("v1", 100), split(0, 0), inconclusive, ""},
		{"cohort", Share("v2", 100).Of("beta"), split(0, 2000), pass, ""},
		{"cohort that sent nothing", Share("v2", 100).Of("gamma"), split(0, 2000), inconclusive, "0 requests"},

		{"status", Status(503, 10), v1(1800, uh(200)), pass, ""},
		{"status, whoever answered", Status(503, 10), v1(1800, uh(100), app(100)), pass, ""},
		{"status, other", Status(503, 10), split(2000, 0), fail, ""},
		{"no answer", Status(0, 0), v1(2000, analysis.Failure{Flag: "DC", Count: 1}), fail, "not one"},

		{"flag", Flag(503, "UH", 10), v1(1800, uh(200)), pass, ""},
		{"flag, one of two", Flag(503, "UF", 10), v1(1800, refused(200)), pass, ""},
		{"flag, both in any order", Flag(503, "URX, UF", 10), v1(1800, refused(200)), pass, ""},
		{"flag, one missing", Flag(503, "UF,UH", 10), v1(1800, refused(200)), fail, ""},
		{"flag of another status", Flag(502, "UH", 10), v1(1800, uh(200)), fail, ""},
		{"flag of the app", Flag(503, "-", 10), v1(1800, app(200)), pass, ""},
		{"flag, not a server error", Flag(404, "NR", 10), v1(1800, noRoute(200)), pass, ""},
		{"flag not known", Flag(503, "UH", 10), v1(1800, unlogged(200)), inconclusive, "no entry for 200 requests"},
		{"flag not known, no matter", Flag(503, "UH", 10), v1(1800, uh(199), unlogged(1)), pass, ""},
		{"flag not known and too many", Flag(503, "UH", 10), v1(1600, uh(400), unlogged(9)), fail, ""},

		{"no errors", NoErrors(), split(1900, 100), pass, ""},
		{"no errors, one", NoErrors(), v1(2000, uh(1)), fail, "503 UH × 1"},
		{"no errors, one of few", NoErrors(), v1(2, uh(1)), fail, "503 UH × 1"},
		{"no errors, 404", NoErrors(), v1(2000, noRoute(3)), fail, "404 NR × 3"},
		{"no errors, delayed is none", NoErrors(), v1(2000, delayed(100)), pass, ""},
		{"no errors, too few", NoErrors(), split(500, 0), inconclusive, "too few"},
		{"no errors, no data", NoErrors(), split(0, 0), inconclusive, ""},
		{"no errors of a cohort", NoErrors().Of("gamma"), v1(2000, uh(1)), inconclusive, ""},

		{"only UH", OnlyErrors(503, "UH"), v1(1800, uh(200)), pass, ""},
		{"only UH, another flag", OnlyErrors(503, "UH"), v1(1800, uh(200), app(1)), fail, "503 - × 1"},
		{"only UH, another status", OnlyErrors(503, "UH"), v1(1800, uh(200), noRoute(1)), fail, "404 NR × 1"},
		{"only UH, delayed is no error", OnlyErrors(503, "UH"), v1(1800, uh(200), delayed(1)), pass, ""},
		{"only UH, no errors", OnlyErrors(503, "UH"), split(2000, 0), inconclusive, "nothing to tell from"},
		{"only UH, one not known", OnlyErrors(503, "UH"), v1(1800, uh(200), unlogged(1)), inconclusive, "no entry for 1 of the errors"},
		{"only UH, too few", OnlyErrors(503, "UH"), v1(90, uh(10)), inconclusive, "too few"},
		{"only UH, no data", OnlyErrors(503, "UH"), split(0, 0), inconclusive, ""},

		{"untouched", Untouched("v2"), received(split(2000, 0), 0), pass, ""},
		{"untouched, counter not read", Untouched("v2"), split(2000, 0), pass, ""},
		{"untouched, one answer", Untouched("v2"), split(2000, 1), fail, "answered"},
		{"untouched, answer lost", Untouched("v2"), received(split(2000, 0), 1), fail, "received requests"},
		{"untouched, some were under way", Untouched("v2"), underWay(received(split(2000, 0), 6), 40), pass, ""},
		{"untouched, more than were under way", Untouched("v2"), underWay(received(split(2000, 0), 41), 40), fail, "received requests"},
		{"untouched, too few", Untouched("v2"), received(split(20, 0), 0), inconclusive, "too few"},
		{"untouched, no data", Untouched("v2"), split(0, 0), inconclusive, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := test.e.Check(test.o)
			if v.Outcome != test.want || !strings.Contains(v.Why, test.why) {
				t.Errorf("got %s (%s), want %s (%s); saw %s", v.Outcome, v.Why, test.want, test.why, v.Saw)
			}
			if v.Outcome != reports.Pass && v.Why == "" {
				t.Error("got no reason for an outcome other than pass")
			}
			if v.Want != test.e.String() || v.Saw == "" {
				t.Errorf("got want %q, saw %q, want %q and something", v.Want, v.Saw, test.e)
			}
		})
	}
}

func TestRecoveredWithin(t *testing.T) {
	const ms = time.Millisecond
	good := analysis.Rollback{
		Before: analysis.NewShare(100, 1000), Rate: 500, Resolution: 20 * ms, Route: 131 * ms, Low: 131 * ms, High: 191 * ms,
		Unaffected: 500, Chance: 1e-20,
	}
	with := func(change func(*analysis.Rollback)) *analysis.Rollback {
		r := good
		change(&r)
		return &r
	}
	for _, test := range []struct {
		name   string
		within time.Duration
		r      *analysis.Rollback
		want   reports.Outcome
		why    string
	}{
		{"in time", 200 * ms, &good, reports.Pass, ""},
		{"bound on the dot", 191 * ms, &good, reports.Pass, ""},
		{"bound too late", 190 * ms, &good, reports.Inconclusive, "too rare"},
		{"too late", 130 * ms, &good, reports.Fail, "131ms after the write"},
		{"nothing before", time.Second, with(func(r *analysis.Rollback) { r.Resolution, r.High, r.Route = 0, 0, 0 }), reports.Inconclusive, "affected before"},
		{"ends too soon", time.Second, with(func(r *analysis.Rollback) { r.Chance = 2e-4 }), reports.Inconclusive, "too few requests followed"},
		{"no bracket", time.Second, with(func(r *analysis.Rollback) { r.High = 0 }), reports.Inconclusive, "too few requests followed"},
		{"never ends", 100 * ms, with(func(r *analysis.Rollback) { r.Chance = 1 }), reports.Fail, ""},
		{"no rollback", time.Second, nil, reports.Inconclusive, "did not roll back"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := settled(counts(map[string]int{"v1": 2000}))
			o.Rollback = test.r
			v := RecoveredWithin(test.within).Check(o)
			if v.Outcome != test.want || !strings.Contains(v.Why, test.why) {
				t.Errorf("got %s (%s), want %s (%s); saw %s", v.Outcome, v.Why, test.want, test.why, v.Saw)
			}
			o.SettledAt = time.Time{}
			if v := RecoveredWithin(test.within).Check(o); v.Outcome == reports.Pass {
				t.Error("got a pass for a rollback that never settled")
			}
		})
	}
}

// Nothing passes without data, and all say why.
func TestNoDataIsNoPass(t *testing.T) {
	for _, e := range []Expectation{
		Share("v1", 0), Share("v1", 5), Share("v1", 100), Status(200, 100), Status(503, 0), Flag(503, "UH", 0), Flag(503, "UH", 5),
		NoErrors(), OnlyErrors(503, "UH"), RecoveredWithin(time.Hour), Untouched("v2"),
	} {
		for _, o := range []analysis.Observation{{}, settled(analysis.Counts{})} {
			if v := e.Check(o); v.Outcome != reports.Inconclusive || v.Why == "" {
				t.Errorf("%s: got %s (%s), want inconclusive and a reason", e, v.Outcome, v.Why)
			}
		}
		if e.Need() < 1 {
			t.Errorf("%s: got a need of %d requests", e, e.Need())
		}
	}
}

func TestString(t *testing.T) {
	for want, e := range map[string]Expectation{
		"5 % of all requests answered by v2":                               Share("v2", 5),
		"none of the requests of beta answered by v1":                      Share("v1", 0).Of("beta"),
		"2.5 % of all requests with status 503":                            Status(503, 2.5),
		"none of all requests without an answer":                           Status(0, 0),
		"10 % of all requests with status 503 and flag UH":                 Flag(503, "UH", 10),
		"no errors among all requests":                                     NoErrors(),
		"no errors but status 503 with flag UH among the requests of beta": OnlyErrors(503, "UH").Of("beta"),
		"the rollback is effective within 2s":                              RecoveredWithin(2 * time.Second),
		"no request reaches v2":                                            Untouched("v2"),
	} {
		if got := e.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestClaim(t *testing.T) {
	o := settled(counts(map[string]int{"v1": 1800}, analysis.Failure{Code: 503, Flag: "UF,URX", Count: 200}))
	for subject, p := range map[string]Proportion{
		"v1": Share("v1", 90), "503": Status(503, 10), "503 UF,URX": Flag(503, "URX,UF", 10),
	} {
		c := p.Of("beta").Check(o).Claim
		if c == nil || c.Subject != subject || c.Cohort != "beta" || c.Percent != p.percent || c.Seen.Of != 2000 || c.Low >= c.High {
			t.Errorf("got claim %+v, want one about %s of beta", c, subject)
		}
	}
}

func TestNeeds(t *testing.T) {
	got := Needs([]Expectation{NoErrors(), Share("v2", 5), Share("v2", 100).Of("beta"), Share("v1", 50).Of("beta")})
	if want := map[string]int{"": requests(5), "beta": requests(50)}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestValidate(t *testing.T) {
	nan := 0.0
	bad := []Expectation{
		Share("v2", 150), Share("v2", -1), Share("v2", nan/nan), Share("", 5), Flag(503, "", 5), OnlyErrors(503, ""), RecoveredWithin(0),
	}
	for _, e := range bad {
		if err := Validate([]Expectation{NoErrors(), e}); err == nil {
			t.Errorf("%s: got no error", e)
		}
	}
	if err := Validate([]Expectation{Share("v2", 5), Share("v1", 100), Flag(503, "-", 0), NoErrors(), Untouched("v2"), RecoveredWithin(1)}); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

// Scenarios are literals that can be compared.
func TestComparable(t *testing.T) {
	if a, b := Expectation(Share("v2", 5).Of("beta")), Expectation(Share("v2", 5).Of("beta")); a != b {
		t.Errorf("got %v and %v different, want the same", a, b)
	}
}
