package reports

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
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
