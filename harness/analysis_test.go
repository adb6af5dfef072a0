package harness

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

func TestAnalysis(t *testing.T) {
	mismatch := environment.Finding{
		Code: "IST0173", Text: "DestinationRule my-service.story: The Subset v2 selects no pods",
	}
	live := &fakeMesh{findings: []environment.Finding{mismatch}}
	everywhere := &fakeMesh{findings: live.findings, inFiles: live.findings}
	both := Analysis{"IST0173", "IST0173"}
	provesAs(t, "analysis", []proved{
		{"diagnosis", both, everywhere, reports.Pass, "IST0173"},
		{"no diagnosis", both, &fakeMesh{}, reports.Fail, "nothing"},
		{
			"other diagnosis", Analysis{"IST0101", ""}, live, reports.Fail,
			"IST0173 on the cluster, nothing in the files",
		},
		{
			"on the cluster only", Analysis{"IST0173", ""}, live, reports.Pass,
			"IST0173 on the cluster, nothing in the files",
		},
		{"not in the files", both, live, reports.Fail, "IST0173 on the cluster, nothing in the files"},
		{"clean", Analysis{}, &fakeMesh{}, reports.Pass, "nothing"},
		{"not clean", Analysis{}, live, reports.Fail, "IST0173 on the cluster, nothing in the files"},
	})
	_, notes := prove(t.Context(), both, moment{scenario: story(), env: everywhere.env()})
	if !strings.Contains(strings.Join(notes, ""), mismatch.Text) {
		t.Errorf("got notes %q, want what the analysis found", notes)
	}
}

// The report has what the analysis found in any phase, each finding once, and it is in the saved report too.
func TestReportHasFindings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.findings = []environment.Finding{{Code: "IST0173", Text: "DestinationRule my-service.story: no pods"}}
		f.inFiles = []environment.Finding{{Code: "IST0101", Text: "VirtualService my-service.story: no subset"}}
		s := story()
		s.Phases[0].Prove = []Proof{Analysis{"IST0173", "IST0101"}}
		s.Phases[1].Prove = []Proof{Analysis{"IST0173", ""}} // which fails: what it found is the same
		rep, dir, err := playFake(t, t.Context(), f, s)
		if err != nil {
			t.Fatal(err)
		}
		saved, err := reports.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"istioctl analyze, on the cluster: IST0173 DestinationRule my-service.story: no pods",
			"istioctl analyze, in the files: IST0101 VirtualService my-service.story: no subset",
		}
		if !slices.Equal(rep.Findings, want) || !slices.Equal(saved.Findings, want) {
			t.Errorf("got findings %q, saved %q, want %q", rep.Findings, saved.Findings, want)
		}
	})
}
