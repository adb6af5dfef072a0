package text

import (
	"testing"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/internal/fixture"
	"github.com/canarylab/canarylab/reports/trace"
)

// labReport is the report of the hand-built run.
func labReport(t testing.TB) *reports.Report {
	t.Helper()
	return fixture.Open(t, "label-mismatch").Report
}

// analyze is what a trace in memory says.
func analyze(t testing.TB, tr *trace.Trace, phases []analysis.PhaseSpec, plan loadgen.Plan) *analysis.Analysis {
	t.Helper()
	a, err := analysis.Analyze(tr, analysis.Spec{Plan: plan, Phases: phases})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
