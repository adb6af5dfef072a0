package realmesh

import (
	"math"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/scenarios"
)

// However many pods share the load, the report is that of one.
func TestLoadPodsGiveTheSameReport(t *testing.T) {
	labtest.ByTurns(t, turnOfLoadPods)
	s, err := scenarios.Find("label-mismatch")
	if err != nil {
		t.Fatal(err)
	}
	var one *reports.Report
	for _, pods := range []int{1, 3} {
		rep, err := theLab.Steady(t.Context(), t, s, harness.Options{LoadPods: pods, Rate: s.Rate()})
		if err != nil {
			t.Fatal(err)
		}
		labtest.Passed(t, rep)
		if g := rep.Accounting.Generator; g.Agents != pods || g.ClockError != 0 {
			t.Errorf("got %d agents with clocks wrong by %s, want %d with this machine's clock", g.Agents, g.ClockError,
				pods)
		}
		if one == nil {
			one = rep
			continue
		}
		for i, p := range rep.Phases {
			for j, v := range p.Verdicts {
				// The counts are others; what they are held to is the same where a phase had as many requests.
				if want := one.Phases[i].Verdicts[j]; v.Want != want.Want || v.Outcome != want.Outcome {
					t.Errorf("phase %s: got %s: %s, want %s: %s as with one pod", p.Name, v.Want, v.Outcome, want.Want,
						want.Outcome)
				}
			}
		}
		// A generator that keeps its plan has the same rate, and each request is one pod's.
		for i, p := range rep.Accounting.Pace {
			if want := one.Accounting.Pace[i]; math.Abs(p.Planned-want.Planned) > 1e-6*want.Planned || p.Missing != 0 {
				t.Errorf("got %g requests a second planned and %d missing, want %g and none", p.Planned, p.Missing,
					want.Planned)
			}
		}
	}
}
