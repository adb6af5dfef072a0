package harness

import (
	"strings"
	"testing"

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
	_, notes := prove(t.Context(), both, story(), 0, everywhere.env())
	if !strings.Contains(strings.Join(notes, ""), mismatch.Text) {
		t.Errorf("got notes %q, want what the analysis found", notes)
	}
}
