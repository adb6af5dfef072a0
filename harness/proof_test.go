package harness

import (
	"errors"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

func TestProofs(t *testing.T) {
	mismatch := environment.Finding{Code: "IST0173", Text: "DestinationRule my-service.story: The Subset v2 selects no pods"}
	both := Diagnosis{"IST0173", "IST0173"}
	for _, tc := range []struct {
		name  string
		proof Proof
		mesh  *fakeMesh
		want  reports.Outcome
		saw   string
	}{
		{"no endpoints", Endpoints{"v2", 0}, &fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {}}}, reports.Pass, "no endpoints in ns/a"},
		{"one endpoint", Endpoints{"v2", 1}, &fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {All: 1}}}, reports.Pass, "1 endpoint in ns/a"},
		{"one proxy has", Endpoints{"v2", 0}, &fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {}, "ns/b": {All: 2}}}, reports.Fail, "no endpoints in ns/a, 2 endpoints in ns/b"},
		// A cluster that is not there is not a cluster without endpoints.
		{"no cluster", Endpoints{"v2", 0}, &fakeMesh{}, reports.Fail, "no proxy with a cluster for the subset"},
		{"no cluster wanted", NoCluster{"v2"}, &fakeMesh{}, reports.Pass, "no proxy with one"},
		{"a cluster", NoCluster{"v2"}, &fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {}}}, reports.Fail, "one in ns/a"},
		{"ejected", Ejected{"v2", 1}, &fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {All: 2, Ejected: 1}}}, reports.Pass, "1 of 2 hosts in ns/a"},
		{"not ejected", Ejected{"v2", 1}, &fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {All: 2}}}, reports.Fail, "0 of 2 hosts in ns/a"},
		{"nothing to eject", Ejected{"v2", 0}, &fakeMesh{}, reports.Fail, "no proxy with a cluster for the subset"},
		{"pods", ReadyPods{"v2", 1}, &fakeMesh{}, reports.Pass, "1 pod ready"},
		{"too few pods", ReadyPods{"v2", 2}, &fakeMesh{}, reports.Fail, "1 pod ready"},
		{"not gone", Gone{"v2"}, &fakeMesh{}, reports.Fail, "2 pods"},
		{"sidecars", Sidecars{"v2", 1}, &fakeMesh{}, reports.Pass, "1 of 1 pod ready"},
		{"a sidecar too many", Sidecars{"v2", 0}, &fakeMesh{}, reports.Fail, "1 of 1 pod ready"},
		{"diagnosis", both, &fakeMesh{findings: []environment.Finding{mismatch}, inFiles: []environment.Finding{mismatch}}, reports.Pass, "IST0173"},
		{"no diagnosis", both, &fakeMesh{}, reports.Fail, "nothing"},
		{"other diagnosis", Diagnosis{"IST0101", ""}, &fakeMesh{findings: []environment.Finding{mismatch}}, reports.Fail, "IST0173 on the cluster, nothing in the files"},
		{"on the cluster only", Diagnosis{"IST0173", ""}, &fakeMesh{findings: []environment.Finding{mismatch}}, reports.Pass, "IST0173 on the cluster, nothing in the files"},
		{"not in the files", both, &fakeMesh{findings: []environment.Finding{mismatch}}, reports.Fail, "IST0173 on the cluster, nothing in the files"},
		{"clean", Diagnosis{}, &fakeMesh{}, reports.Pass, "nothing"},
		{"not clean", Diagnosis{}, &fakeMesh{findings: []environment.Finding{mismatch}}, reports.Fail, "IST0173 on the cluster, nothing in the files"},
		{"refused", Refusal{Revert("1-baseline.yaml"), "no endpoints available"}, &fakeMesh{hook: func(string) error { return errors.New("webhook: no endpoints available") }},
			reports.Pass, "webhook: no endpoints available"},
		{"refused for another reason", Refusal{Revert("1-baseline.yaml"), "no endpoints available"}, &fakeMesh{hook: func(string) error { return errors.New("forbidden") }},
			reports.Fail, "forbidden"},
		{"not refused", Refusal{Revert("1-baseline.yaml"), "no endpoints available"}, &fakeMesh{}, reports.Fail, "it was taken"},
		{"out of reach", Endpoints{"v2", 0}, &fakeMesh{hook: func(string) error { return errors.New("connection refused") }},
			reports.Inconclusive, "nothing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, notes := prove(t.Context(), tc.proof, story(), 0, tc.mesh.env())
			if v.Outcome != tc.want || v.Saw != tc.saw || v.Want != tc.proof.String() || (v.Why == "") != (v.Outcome == reports.Pass) {
				t.Errorf("got %+v, want %s, saw %q, and a why unless it passes", v, tc.want, tc.saw)
			}
			if tc.name == "diagnosis" && !strings.Contains(strings.Join(notes, ""), mismatch.Text) {
				t.Errorf("got notes %q, want the diagnosis", notes)
			}
		})
	}
}
