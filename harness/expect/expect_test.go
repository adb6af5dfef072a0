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
		if f.Failed() {
			failed += f.Count
		}
		if f.GRPC != "" {
			c.GRPC = map[string]int{f.GRPC: c.GRPC[f.GRPC] + f.Count}
		}
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

// changing is o with a transition that met c, all of it from the cohort beta.
func changing(o analysis.Observation, c analysis.Counts) analysis.Observation {
	o.Transition = analysis.Window{Total: c, Cohorts: map[string]analysis.Counts{"beta": c}}
	return o
}

// unsettled is a phase that never settled and met c.
func unsettled(c analysis.Counts) analysis.Observation {
	return changing(analysis.Observation{Start: began, End: began.Add(time.Minute)}, c)
}

// Failures of some sorts.
func uh(n int) analysis.Failure { return analysis.Failure{Code: 503, Flag: "UH", Count: n} }
func app(n int) analysis.Failure {
	return analysis.Failure{Code: 503, Flag: "-", Version: "v2", Count: n}
}
func unlogged(n int) analysis.Failure { return analysis.Failure{Code: 503, Flag: "?", Count: n} }
func refused(n int) analysis.Failure  { return analysis.Failure{Code: 503, Flag: "UF,URX", Count: n} }
func noRoute(n int) analysis.Failure  { return analysis.Failure{Code: 404, Flag: "NR", Count: n} }
func delayed(n int) analysis.Failure {
	return analysis.Failure{Code: 200, Flag: "DI", Version: "v1", Count: n}
}

// split is a settled phase in which v1 and v2 gave so many answers.
func split(v1, v2 int) analysis.Observation {
	return settled(counts(map[string]int{"v1": v1, "v2": v2}))
}

// v1 is a settled phase in which v1 gave n answers, and some requests failed.
func v1(n int, failures ...analysis.Failure) analysis.Observation {
	return settled(counts(map[string]int{"v1": n}, failures...))
}

const pass, fail, inconclusive = reports.Pass, reports.Fail, reports.Inconclusive

// A judged is a claim, what was observed, and the verdict on it: its outcome and a part of its reason.
type judged struct {
	name string
	e    Expectation
	o    analysis.Observation
	want reports.Outcome
	why  string
}

// holds tells whether expectations of a kind judge as they should.
func holds(t *testing.T, kind string, all []judged) {
	t.Helper()
	for _, test := range all {
		t.Run(test.name, func(t *testing.T) {
			v := test.e.Check(test.o)
			if v.Outcome != test.want || !strings.Contains(v.Why, test.why) {
				t.Errorf("got %s (%s), want %s (%s); saw %s", v.Outcome, v.Why, test.want, test.why, v.Saw)
			}
			if v.Outcome != reports.Pass && v.Why == "" {
				t.Error("got no reason for an outcome other than pass")
			}
			if v.Kind != kind || v.Want != test.e.String() || v.Saw == "" {
				t.Errorf("got kind %q, want %q, saw %q, want %q, %q and something", v.Kind, v.Want, v.Saw, kind, test.e)
			}
		})
	}
}

// Nothing passes without data, and all say why.
func TestNoDataIsNoPass(t *testing.T) {
	for _, e := range []Expectation{
		Share("v1", 0), Share("v1", 5), Share("v1", 100), Status(200, 100), Status(503, 0), Flag(503, "UH", 0),
		Flag(503, "UH", 5),
		NoErrors(), OnlyErrors(503, "UH"), RecoveredWithin(time.Hour), Untouched("v2"), NeverFails(), FailAtMost(9),
		ReachAtMost("v2", 0),
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
		"no request fails from the write on":                               NeverFails(),
		"no request of beta fails from the write on":                       NeverFails().Of("beta"),
		"at most 1 request fails from the write on":                        FailAtMost(1),
		"at most 9 requests of beta fail from the write on":                FailAtMost(9).Of("beta"),
		"no request reaches v2 from the write on":                          ReachAtMost("v2", 0),
		"at most 1 request of beta reaches v2 from the write on":           ReachAtMost("v2", 1).Of("beta"),
		"at most 1,200 requests reach v2 from the write on":                ReachAtMost("v2", 1200),
	} {
		if got := e.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestNeeds(t *testing.T) {
	got := Needs([]Expectation{NoErrors(), Share("v2", 5), Share("v2", 100).Of("beta"), Share("v1", 50).Of("beta")})
	if want := map[string]int{"": requests(5), "beta": requests(50)}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestVersion(t *testing.T) {
	for _, test := range []struct {
		claim Expectation
		want  string
	}{
		{Share("v2", 10), "v2"}, {NoErrors(), ""}, {Untouched("v1"), "v1"}, {Share("v2", 10).Of("beta"), "v2"},
		{Status(503, 1), ""}, {RecoveredWithin(time.Second), ""}, {Answers("v3", 1), "v3"},
		{NeverFails(), ""}, {ReachAtMost("v2", 1), "v2"},
	} {
		if got := Version(test.claim); got != test.want {
			t.Errorf("%q: got %q, want %q", test.claim, got, test.want)
		}
	}
}

func TestValidate(t *testing.T) {
	nan := 0.0
	bad := []Expectation{
		Share("v2", 150), Share("v2", -1), Share("v2", nan/nan), Share("", 5), Flag(503, "", 5), OnlyErrors(503, ""),
		RecoveredWithin(0), LingersFor(0), DrainedWithin(-time.Second), AbortedWithin(0), Answers("v2", 0),
		Answers("", 1), FailAtMost(0), FailAtMost(-1), ReachAtMost("v2", -1), ReachAtMost("", 1),
	}
	for _, e := range bad {
		if err := Validate([]Expectation{NoErrors(), e}); err == nil {
			t.Errorf("%s: got no error", e)
		}
	}
	good := []Expectation{
		Share("v2", 5), Share("v1", 100), Flag(503, "-", 0), NoErrors(), Untouched("v2"), RecoveredWithin(1),
		NeverFails(), FailAtMost(1), ReachAtMost("v2", 0),
	}
	if err := Validate(good); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

// What a claim takes of its phase beside requests is told by the claim.
func TestRequires(t *testing.T) {
	for _, test := range []struct {
		want Requirement
		all  []Expectation
	}{
		{Requirement{}, []Expectation{
			Share("v2", 5), NoErrors(), OnlyErrors(503, "UH"), Untouched("v2"), Answers("v2", 10),
		}},
		{Requirement{Rollback: true}, []Expectation{RecoveredWithin(1), LingersFor(1), DrainedWithin(1)}},
		{Requirement{Decision: true}, []Expectation{Promoted()}},
		{Requirement{Decision: true, AtOnce: true}, []Expectation{AbortedWithin(1)}},
		{Requirement{Rollback: true, Than: "route"}, []Expectation{SlowerThan("route")}},
	} {
		for _, e := range test.all {
			if got := Requires(e); got != test.want {
				t.Errorf("%s: got %+v, want %+v", e, got, test.want)
			}
		}
	}
}

// Scenarios are literals that can be compared.
func TestComparable(t *testing.T) {
	if a, b := Expectation(Share("v2", 5).Of("beta")), Expectation(Share("v2", 5).Of("beta")); a != b {
		t.Errorf("got %v and %v different, want the same", a, b)
	}
}
