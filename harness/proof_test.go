package harness

import (
	"errors"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestProofs(t *testing.T) {
	mismatch := finding{Code: "IST0173", Text: "DestinationRule my-service.story: The Subset v2 selects no pods"}
	for _, tc := range []struct {
		name  string
		proof Proof
		mesh  *fakeMesh
		want  reports.Outcome
		saw   string
	}{
		{"no endpoints", Endpoints{"v2", 0}, &fakeMesh{endpoints: map[string]int{"ns/a": 0}}, reports.Pass, "no endpoints in ns/a"},
		{"one endpoint", Endpoints{"v2", 1}, &fakeMesh{endpoints: map[string]int{"ns/a": 1}}, reports.Pass, "1 endpoint in ns/a"},
		{"one proxy has", Endpoints{"v2", 0}, &fakeMesh{endpoints: map[string]int{"ns/a": 0, "ns/b": 2}}, reports.Fail, "no endpoints in ns/a, 2 endpoints in ns/b"},
		// A cluster that is not there is not a cluster without endpoints.
		{"no cluster", Endpoints{"v2", 0}, &fakeMesh{}, reports.Fail, "no proxy with a cluster for the subset"},
		{"pods", ReadyPods{"v2", 1}, &fakeMesh{}, reports.Pass, "1 pod ready"},
		{"too few pods", ReadyPods{"v2", 2}, &fakeMesh{}, reports.Fail, "1 pod ready"},
		{"diagnosis", Diagnosis{"IST0173"}, &fakeMesh{findings: []finding{mismatch}}, reports.Pass, "IST0173"},
		{"no diagnosis", Diagnosis{"IST0173"}, &fakeMesh{}, reports.Fail, "nothing"},
		{"other diagnosis", Diagnosis{"IST0101"}, &fakeMesh{findings: []finding{mismatch}}, reports.Fail, "IST0173"},
		{"clean", Diagnosis{}, &fakeMesh{}, reports.Pass, "nothing"},
		{"not clean", Diagnosis{}, &fakeMesh{findings: []finding{mismatch}}, reports.Fail, "IST0173"},
		{"out of reach", Endpoints{"v2", 0}, &fakeMesh{hook: func(string) error { return errors.New("connection refused") }},
			reports.Inconclusive, "nothing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, notes := prove(t.Context(), tc.proof, story(), tc.mesh.lab())
			if v.Outcome != tc.want || v.Saw != tc.saw || v.Want != tc.proof.String() || (v.Why == "") != (v.Outcome == reports.Pass) {
				t.Errorf("got %+v, want %s, saw %q, and a why unless it passes", v, tc.want, tc.saw)
			}
			if tc.name == "diagnosis" && !strings.Contains(strings.Join(notes, ""), mismatch.Text) {
				t.Errorf("got notes %q, want the diagnosis", notes)
			}
		})
	}
}
