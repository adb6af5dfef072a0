package detect

import (
	"slices"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// window is one of ten seconds with some counts.
func window(c analysis.Counts) analysis.Window {
	start := time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)
	return analysis.Window{Start: start, End: start.Add(10 * time.Second), Total: c}
}

// report is one of two phases, the second of which breaks.
func report(before, now analysis.Counts, verdicts ...reports.Verdict) *reports.Report {
	return &reports.Report{Phases: []reports.Phase{
		{Name: "baseline", Observation: analysis.Observation{Settled: window(before)}},
		{Name: "broken", Breaks: true, Verdicts: verdicts, Observation: analysis.Observation{Settled: window(now)}},
	}}
}

// well is a baseline of 100 requests a second to v1.
var well = analysis.Counts{
	Requests: 1000, Versions: map[string]int{"v1": 1000}, Codes: map[int]int{200: 1000},
	Latency: map[string]analysis.Latency{"v1": {N: 1000, P999: time.Millisecond}},
}

// failing is a canary with a tenth of the requests, which fail in one way.
func failing(code int, flag, subset, version string) analysis.Counts {
	return analysis.Counts{
		Requests: 1000, Versions: map[string]int{"v1": 900, version: 100}, Codes: map[int]int{200: 900, code: 100},
		Flags:    map[string]int{"503 " + flag: 100},
		Failures: []analysis.Failure{{Code: code, Flag: flag, Subset: subset, Version: version, Count: 100}},
	}
}

func TestOf(t *testing.T) {
	at := func(after time.Duration) Sight { return Sight{Known: true, Found: true, After: after} }
	slow := analysis.Counts{
		Requests: 1000, Versions: map[string]int{"v1": 500, "v2": 500}, Codes: map[int]int{200: 1000},
		Latency: map[string]analysis.Latency{
			"v1": {N: 500, P999: time.Millisecond},
			"v2": {N: 500, P90: time.Second, P99: time.Second, P999: time.Second},
		},
	}
	wrong := analysis.Counts{Requests: 1000, Versions: map[string]int{"v2": 1000}}
	for _, tc := range []struct {
		name string
		now  analysis.Counts
		want map[string]Sight
	}{
		{"the caller's proxy answers for an empty subset", failing(503, "UH", "v2", ""), map[string]Sight{
			// A tenth of what comes in a minute is over 1 % of it after a tenth of the minute.
			"callers' 5xx": at(6 * time.Second), "the canary's 5xx": blind, "callers' p99": blind,
			// v2 has no requests: a check without a value fails.
			"Flagger": at(time.Minute), "Argo Rollouts": at(5 * time.Minute), "a gate per subset": at(time.Second),
			"sequential test": blind,
		}},
		{"no cluster", failing(503, "NC", "v2", ""), map[string]Sight{
			"callers' 5xx": at(6 * time.Second), "Argo Rollouts": blind, "a gate per subset": blind,
		}},
		{"no route", failing(404, "NR", "", ""), map[string]Sight{"callers' 5xx": blind, "Argo Rollouts": blind}},
		{"the canary itself", failing(500, "-", "v2", "v2"), map[string]Sight{
			"callers' 5xx": at(6 * time.Second), "the canary's 5xx": at(0), "Flagger": at(time.Minute),
			"a gate per subset": at(time.Second),
			// 3 answers at 10 a second.
			"sequential test": at(time.Duration(mustAnswers(t, 1)) * 100 * time.Millisecond),
		}},
		{"slow, and well", slow, map[string]Sight{
			"callers' 5xx": blind, "the canary's 5xx": blind, "Flagger": at(time.Minute), "Argo Rollouts": blind,
			"a gate per subset": at(time.Second), "sequential test": blind,
		}},
		{"to the wrong version", wrong, map[string]Sight{
			"callers' 5xx": blind, "the canary's 5xx": blind, "callers' p99": blind, "Flagger": blind,
			"Argo Rollouts": blind, "a gate per subset": blind, "sequential test": blind,
		}},
	} {
		got, ok := Of(report(well, tc.now), "v2")
		if !ok || len(got) != len(Signals) {
			t.Fatalf("%s: got %v, %v", tc.name, got, ok)
		}
		for i, signal := range Signals {
			want, known := tc.want[signal.Name]
			if diff := got[i].After - want.After; known && (got[i].Found != want.Found || got[i].Known != want.Known ||
				diff.Abs() > 10*time.Millisecond) {
				t.Errorf("%s: %s: got %+v, want %+v", tc.name, signal.Name, got[i], want)
			}
		}
	}
}

func mustAnswers(t *testing.T, bad float64) int {
	t.Helper()
	n, found := theTest.AnswersWith(bad)
	if !found {
		t.Fatal("a canary that fails always is not found")
	}
	return n
}

func TestAnalysis(t *testing.T) {
	for _, tc := range []struct {
		saw            string
		files, cluster Sight
	}{
		{"nothing", blind, blind},
		{"IST0173 on the cluster, nothing in the files", blind, Sight{Known: true, Found: true, Code: "IST0173"}},
		{"IST0109", Sight{Known: true, Found: true, After: -1, Code: "IST0109"},
			Sight{Known: true, Found: true, Code: "IST0109"}},
	} {
		got, ok := Of(report(well, well, reports.Verdict{Kind: reports.KindAnalysis, Saw: tc.saw}), "v2")
		if !ok || got[0] != tc.files || got[1] != tc.cluster {
			t.Errorf("%s: got %+v and %+v, want %+v and %+v", tc.saw, got[0], got[1], tc.files, tc.cluster)
		}
	}
	if got, _ := Of(report(well, well), "v2"); got[0].Known || got[1].Known {
		t.Errorf("nobody asked: got %+v", got[:2])
	}
}

// A copy of a request is no caller's, and what became of it is not in the report: nobody may call the canary clean.
func TestCopiesAreNotKnown(t *testing.T) {
	r := report(well, well)
	r.Phases[1].Observation.Received = map[string]uint64{"v2": 1000}
	got, _ := Of(r, "v2")
	for i, signal := range Signals {
		if slices.Contains([]string{"the canary's 5xx", "Flagger", "a gate per subset"}, signal.Name) && got[i].Known {
			t.Errorf("%s: got %+v, want it not known", signal.Name, got[i])
		}
	}
}

func TestOfWantsAPhaseThatBreaks(t *testing.T) {
	r := report(well, failing(503, "UH", "v2", ""))
	r.Phases[1].Breaks = false
	if _, ok := Of(r, "v2"); ok {
		t.Error("nothing breaks: got sights")
	}
	if _, ok := Of(report(well, analysis.Counts{}), "v2"); ok {
		t.Error("a phase that never settled: got sights")
	}
}
