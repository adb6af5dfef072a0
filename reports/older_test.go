package reports

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
)

// A report of before there were fields for it is as one that has them.
func TestOlderReportsOfThisSchema(t *testing.T) {
	want, err := Load(filepath.Join("testdata", "runs", "passed"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(filepath.Join("testdata", "older", "schema-2"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Phases {
		for j := range want.Phases[i].Verdicts {
			// Nobody needs to know it of claims about shares.
			want.Phases[i].Verdicts[j].Kind = ""
		}
		// The guess at the switch of a rollback is younger, and so are the words for it.
		if r := want.Phases[i].Observation.Rollback; r != nil {
			r.Switch = 0
			want.Phases[i].Verdicts[0].Saw = r.String()
		}
	}
	forgetCauses(got)
	forgetCauses(want)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	for i := range got.Phases {
		if !reflect.DeepEqual(got.Phases[i].Action, want.Phases[i].Action) {
			t.Errorf("phase %d: got action %+v, want %+v", i+1, got.Phases[i].Action, want.Phases[i].Action)
		}
	}
}

func TestWordsOfOlderReports(t *testing.T) {
	for did, want := range map[string]Action{
		"kubectl apply -f 2-canary.yaml": {
			Kind: "apply", Brief: "apply 2-canary", File: "2-canary.yaml",
		},
		"kubectl delete -f 2-canary.yaml": {
			Kind: "delete", Brief: "delete 2-canary", File: "2-canary.yaml", Deletes: true,
		},
		"kubectl rollout restart deployment my-service-v2": {
			Kind: "restart", Brief: "rollout restart my-service-v2",
		},
		"kubectl rollout undo deployment my-service-v2": {
			Kind: "undo", Brief: "rollout undo my-service-v2",
		},
		"kubectl scale deployment istiod --replicas=0": {
			Kind: "stop-istiod", Brief: "scale istiod to 0",
		},
		"kubectl scale deployment istiod to what it was": {
			Kind: "start-istiod", Brief: "scale istiod to what it was",
		},
		"kubectl scale deployment my-service-v2 --replicas=0": {
			Kind: "scale", Brief: "scale my-service-v2 to 0",
		},
		"heal every pod of v2": {Kind: "inject", Brief: "heal v2"},
		"a later step":         {Brief: "a later step"},
		"nothing, instead of: kubectl apply -f 3-fixed.yaml": {
			Kind: "apply", Brief: "nothing, instead of: apply 3-fixed", File: "3-fixed.yaml", Skipped: true,
		},
		`inject {"errorRate":0.2,"errorCode":500} into every pod of v2`: {
			Kind: "inject", Brief: "inject errorRate:0.2 into v2",
		},
		"kubectl apply the VirtualService of 1-baseline.yaml": {
			Kind: "revert", Brief: "apply route of 1-baseline", File: "1-baseline.yaml",
			Only: []string{"VirtualService"},
		},
	} {
		r := &Report{Phases: []Phase{{Did: did}}}
		if fromWords(r); !reflect.DeepEqual(*r.Phases[0].Action, want) {
			t.Errorf("%s: got %+v, want %+v", did, *r.Phases[0].Action, want)
		}
	}
	r := &Report{
		Phases: []Phase{{Verdicts: []Verdict{
			{Want: "istioctl analyze finds nothing, on the cluster and in the files alone", Proof: true},
			{Want: "no errors among all requests"},
		}}},
		Notes:      []string{"warm-up", "istioctl analyze, on the cluster: IST0173"},
		Accounting: analysis.Accounting{Problems: []analysis.Problem{{Text: "void: late"}, {Text: "not void: gone"}}},
	}
	fromWords(r)
	if p := r.Phases[0]; p.Action != nil || p.Verdicts[0].Kind != KindAnalysis || p.Verdicts[1].Kind != "" {
		t.Errorf("got %+v, want no action, and the kind of the first verdict", p)
	}
	if len(r.Findings) != 1 || r.Findings[0] != r.Notes[1] {
		t.Errorf("got findings %q, want the second note", r.Findings)
	}
	if want := []analysis.Problem{{Void: true, Text: "late"}, {Text: "not void: gone"}}; !reflect.DeepEqual(
		r.Accounting.Problems, want,
	) {
		t.Errorf("got problems %+v, want %+v", r.Accounting.Problems, want)
	}
}

// olderFile writes a report as before failedFrom was in it, and loads it.
func olderFile(t *testing.T, r *Report) *Run {
	t.Helper()
	dir := t.TempDir()
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ReportFile)
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), `"failedFrom": 400,`) {
		t.Fatalf("got %v, want a report that says what counts as failed", err)
	}
	b = []byte(strings.Replace(string(b), `"failedFrom": 400,`, "", 1))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	run, err := OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// Reports of before counted only 500 and above. They are counted anew, and what can't be is said and left out.
func TestFailedOfOlderReports(t *testing.T) {
	counts := func(codes map[int]int, failed int) analysis.Counts {
		c := analysis.Counts{Codes: codes}
		for _, n := range codes {
			c.Requests += n
		}
		c.Failed = analysis.NewShare(failed, c.Requests)
		return c
	}
	window := func(codes map[int]int, failed int) analysis.Window {
		c := counts(codes, failed)
		return analysis.Window{Total: c, Cohorts: map[string]analysis.Counts{"everyone": c}}
	}
	clock := &analysis.Rollback{Canary: "v2", Resolution: 1, Route: 7e6, High: 9e6}
	old := func() *Report {
		return &Report{Phases: []Phase{
			{Name: "baseline", Observation: analysis.Observation{Settled: window(map[int]int{200: 90}, 0)}},
			{Name: "untouched", Observation: analysis.Observation{
				Settled: window(map[int]int{200: 50, 503: 5}, 5), Rollback: clock,
			}},
			{Name: "no route", Observation: analysis.Observation{
				Transition: window(map[int]int{200: 4, 404: 6}, 0),
				Settled:    window(map[int]int{200: 50, 404: 40, 503: 10}, 10), Detection: &analysis.Detection{},
			}},
			{Name: "back", Observation: analysis.Observation{
				Settled: window(map[int]int{200: 90}, 0), Rollback: clock,
			}},
		}}
	}
	run := olderFile(t, old())
	r := run.Report
	if got, want := r.Phases[2].Failed(), (Failed{6, 50}); got != want || Summarize(r).Burned != 61 {
		t.Errorf("got %+v and %d, want %+v and 61", got, Summarize(r).Burned, want)
	}
	if got := r.Phases[2].Observation.Settled.Cohorts["everyone"].Failed.Count; got != 50 || !r.Recounted() {
		t.Errorf("got %d of the cohort, recounted %v, want 50", got, r.Recounted())
	}
	if r.Phases[1].Observation.Rollback == nil || r.Phases[3].Observation.Rollback != nil ||
		r.Phases[2].Observation.Detection != nil {
		t.Error("want the clocks left out that met a status of 404, and no other")
	}
	notes := strings.Join(r.Notes, "\n")
	if !strings.Contains(strings.Join(run.Problems, "\n"), "46 such answers do here, counted anew") ||
		!strings.Contains(notes, "Phase back: without them, its rollback was: 7.00 ms") ||
		!strings.Contains(notes, "Phase no route: without them, the canary was found good") {
		t.Errorf("got problems %q and notes %q, want the definition, and what was timed then", run.Problems, notes)
	}
	// Written again, it is one of today, with its notes.
	dir := t.TempDir()
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	if again, err := Load(dir); err != nil || again.Recounted() || !slices.Equal(again.Notes, r.Notes) ||
		Summarize(again).Burned != 61 {
		t.Errorf("got %+v, %v, want the same report", again, err)
	}
	// Where no status is of 400 to 499, both definitions say the same.
	well := old()
	well.Phases = well.Phases[:2]
	if run := olderFile(t, well); run.Report.Recounted() || len(run.Report.Notes) > 0 {
		t.Errorf("got notes %q, want none", run.Report.Notes)
	}
	// Counts of a damaged report are left as they are.
	damaged := old()
	total := &damaged.Phases[2].Observation.Settled.Total
	total.Codes[404] = total.Requests
	if run := olderFile(t, damaged); run.Report.Phases[2].Failed() != (Failed{6, 10}) {
		t.Errorf("got %+v, want the counts of the file", run.Report.Phases[2].Failed())
	}
}

// forgetCauses takes the causes of failures out of a report: they are the words of the day on which the run was
// analyzed.
func forgetCauses(r *Report) {
	for _, p := range r.Phases {
		for _, w := range []analysis.Window{p.Observation.Transition, p.Observation.Settled} {
			for _, counts := range append(slices.Collect(maps.Values(w.Cohorts)), w.Total) {
				for i := range counts.Failures {
					counts.Failures[i].Cause = ""
				}
			}
		}
	}
}
