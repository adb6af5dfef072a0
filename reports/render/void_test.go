package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/github"
)

// A run whose load agent was late keeps its verdict where nothing rests on that, and says in each format that it was;
// where a verdict does, that one is void and says why.
func TestVoidIsAVerdicts(t *testing.T) {
	const text = "cohort plain sent late by 9.00 ms at p99"
	for _, void := range []bool{false, true} {
		run, err := reports.OpenRun(folder(t, "passed"))
		if err != nil {
			t.Fatal(err)
		}
		r := run.Report
		r.Accounting.Problems = []analysis.Problem{{Void: true, Basis: analysis.OnTime, Text: text}}
		want, bad := reports.Pass, "no verdict here rests on requests that were sent when they were due"
		if void {
			want, bad = reports.Invalid, "void: it rests on requests that were sent when they were due"
			v := &r.Phases[1].Verdicts[1]
			v.Outcome, v.Why, v.Void = reports.Invalid, bad+", and "+text, []analysis.Basis{analysis.OnTime}
		}
		if got := r.Conclude(); got != want || r.Void() != void {
			t.Fatalf("got %s, void is %t; want %s", got, r.Void(), want)
		}
		var annotated bytes.Buffer
		if err := github.Annotate(&annotated, run); err != nil {
			t.Fatal(err)
		}
		shown := map[string]string{"annotations": annotated.String()}
		for _, f := range Formats() {
			var b bytes.Buffer
			if err := f.Write(&b, run); err != nil {
				t.Fatal(err)
			}
			shown[f.Name] = b.String()
		}
		for name, out := range shown {
			words := []string{text, bad}
			switch name {
			case "json":
				words = []string{text, `"voidBases": [`, `"on-time"`}
			case "openmetrics":
				words = []string{`canarylab_basis_held{scenario="label-mismatch",basis="on-time"} 0`,
					`canarylab_basis_held{scenario="label-mismatch",basis="one-clock"} 1`}
			}
			for _, word := range words {
				if flat := strings.Join(strings.Fields(out), " "); !strings.Contains(flat, word) {
					t.Errorf("void %t: %s lacks %q:\n%.3000s", void, name, word, out)
				}
			}
			figures := name == "json" || name == "openmetrics" || name == "annotations"
			if all := "every request is accounted for"; !figures && !strings.Contains(strings.ToLower(out), all) {
				t.Errorf("void %t: %s does not say that %s", void, name, all)
			}
		}
		for _, mark := range []string{"::error", "<error "} {
			if strings.Contains(shown["annotations"]+shown["junit"], mark) && !void {
				t.Errorf("got an error of a run that passed: %s", mark)
			}
		}
	}
}
