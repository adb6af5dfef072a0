package compare

import (
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// Of a run whose load agent was late, shares are compared and latencies are not; where a clock moved, nothing is that
// counts by phase.
func TestWhatWasShakenIsNotJudged(t *testing.T) {
	for basis, judged := range map[analysis.Basis]map[Kind]bool{
		"":                {ShareKind: true, RollbackKind: true, DecisionKind: true, LatencyKind: true},
		analysis.OnTime:   {ShareKind: true, RollbackKind: true},
		analysis.AtRate:   {ShareKind: true},
		analysis.OneClock: {},
	} {
		gated := alike(30)
		gated.decides, gated.slow = 400, 1
		side := func(first uint64) (all Side) {
			for seed := range uint64(7) {
				gated.seed = first + seed
				all = append(all, gated.run())
			}
			return all
		}
		other := side(50)
		text := "cohort plain sent late by 9.00 ms at p99"
		if basis != "" {
			other[1].Report.Accounting.Problems = []analysis.Problem{{Void: true, Basis: basis, Text: text}}
		}
		c, err := New(side(40), other)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[Kind]bool{}
		for _, f := range c.Pairs[0].Figures {
			seen[f.Kind] = true
			if was := f.Judgement != NotJudged; was != judged[f.Kind] {
				t.Errorf("%q: %s %s: judged %t, want %t: %s", basis, f.Kind, f.place(), was, judged[f.Kind], f.Why)
			}
		}
		if len(seen) < 4 {
			t.Errorf("got figures of %v, want of four kinds", seen)
		}
		if told := strings.Contains(strings.Join(c.Notes, " "), text); told != (basis != "") {
			t.Errorf("%q: got notes %q", basis, c.Notes)
		}
		if len(c.Warnings) > 0 || other[1].Report.Outcome == reports.Invalid {
			t.Errorf("%q: got warnings %q for a run that keeps its verdict", basis, c.Warnings)
		}
	}
	for name, want := range map[string]bool{
		"v2": false, "200": false, "503 UH": false, "404 NR": false, "503 UO": true, "503 -": true, "503 ?": true,
		"503": true,
	} {
		if got := (subject{of: name}).byLoad(); got != want {
			t.Errorf("%s: by load is %t, want %t", name, got, want)
		}
		f := &Figure{Kind: FailureKind, byLoad: want}
		if got := slices.Contains(f.rests(), analysis.OnTime); got != want {
			t.Errorf("%s: rests on its pace is %t, want %t", name, got, want)
		}
	}
}
