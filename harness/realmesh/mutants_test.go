package realmesh

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/reports"
)

// TestScenariosCanFail takes the change out of every scenario that breaks things, and in another run the change that mends them. All that is claimed
// stays. A scenario that passes without its break shows nothing, and one that passes without its fix proves no fix.
func TestScenariosCanFail(t *testing.T) {
	for _, s := range some(t) {
		for i, p := range s.Phases {
			what := ""
			switch {
			case p.Breaks:
				what = "break"
			case p.Fixes:
				what = "fix"
			default:
				continue
			}
			t.Run(s.Name+"/without its "+what, func(t *testing.T) {
				l := theLab.Open(t.Context(), t)
				if s.OwnIstioOnly() && len(l.Labels()) > 0 {
					t.Skip("it takes istiod away, and this one is not the lab's")
				}
				mutant := s.Without(i)
				// Two phases later it has shown what is missing: the rest of the story costs time and adds nothing.
				mutant.Phases = mutant.Phases[:min(i+3, len(mutant.Phases))]
				rep, err := theLab.Steady(t.Context(), t, mutant, harness.Options{})
				if rep == nil || err != nil && !strings.HasPrefix(rep.Broken, "phase ") {
					t.Fatal(err)
				}
				if err != nil {
					// A step that the API server refuses is how a missing fix shows too.
					t.Logf("broken: %s", rep.Broken)
				}
				if rep.Accounting.Void() {
					t.Fatalf("the machine did not carry the load, so that nothing is shown: %q", rep.Accounting.Problems)
				}
				if rep.Outcome == reports.Pass {
					t.Errorf("phase %s was left out (%s), and the scenario passes", p.Name, p.Do)
				}
				for _, phase := range rep.Phases {
					for _, v := range phase.Verdicts {
						if v.Outcome != reports.Pass {
							t.Logf("%s: %s: want %s, saw %s", phase.Name, v.Outcome, v.Want, v.Saw)
						}
					}
				}
			})
		}
	}
}
