package realmesh

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/reports"
)

// A mutant is a scenario without one of its changes.
type mutant struct {
	harness.Scenario
	// what is left out, "break" or "fix", and in which phase.
	what  string
	phase int
}

// mutants returns two for each scenario that breaks something and mends it.
func mutants(t *testing.T) []mutant {
	t.Helper()
	var all []mutant
	for _, s := range some(t) {
		for i, p := range s.Phases {
			switch {
			case p.Breaks:
				all = append(all, mutant{s, "break", i})
			case p.Fixes:
				all = append(all, mutant{s, "fix", i})
			}
		}
	}
	return all
}

// TestScenariosCanFail takes the change out of every scenario that breaks things, and in another run the change
// that mends them. All that is claimed stays. A scenario that passes without its break shows nothing, and one
// that passes without its fix proves no fix. Each turn plays a third of the mutants.
func TestScenariosCanFail(t *testing.T) {
	for _, m := range labtest.Share(labtest.TheTurn(t), mutants(t)) {
		t.Run(m.Name+"/without its "+m.what, func(t *testing.T) { mutantFails(t, m) })
	}
}

// mutantFails plays m and wants it not to pass.
func mutantFails(t *testing.T, m mutant) {
	t.Helper()
	l := theLab.Open(t.Context(), t)
	if m.OwnIstioOnly() && l.Borrowed() {
		t.Skip("it takes istiod away, and this one is not the lab's")
	}
	s := m.Without(m.phase)
	// Two phases later it has shown what is missing: the rest of the story costs time and adds nothing.
	s.Phases = s.Phases[:min(m.phase+3, len(s.Phases))]
	rep, err := theLab.Steady(t.Context(), t, s, harness.Options{})
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
		p := m.Phases[m.phase]
		t.Errorf("phase %s was left out (%s), and the scenario passes", p.Name, p.Do)
	}
	for _, phase := range rep.Phases {
		for _, v := range phase.Verdicts {
			if v.Outcome != reports.Pass {
				t.Logf("%s: %s: want %s, saw %s", phase.Name, v.Outcome, v.Want, v.Saw)
			}
		}
	}
}
