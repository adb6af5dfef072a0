package text

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
)

func TestTheReportSaysHowManyAgentsThereWere(t *testing.T) {
	for _, tc := range []struct {
		errors      []time.Duration
		says, says2 string
		not         string
	}{
		{[]time.Duration{0}, "load agent: ", "", "other machines"},
		{[]time.Duration{0, 0, 0}, "3 load agents", "", "other machines"},
		{[]time.Duration{0, 3 * time.Millisecond}, "2 load agents", "measured to within 3.00 ms", ""},
	} {
		tr := labtrace.Trace()
		for i, e := range tc.errors {
			tr.Agents = append(tr.Agents, loadgen.Begin{
				Agents: len(tc.errors), Agent: i, Clock: loadgen.Clock{Error: e},
			})
		}
		a := analyze(
			t, tr,
			[]analysis.PhaseSpec{
				{Name: "baseline"}, {Name: "canary"}, {Name: "rollback", Rollback: true, Canary: "v2"}, {Name: "fixed"},
			},
			labtrace.Plan,
		)
		var out bytes.Buffer
		p := newPage(Options{Width: 200})
		p.accounting(&reports.Report{Accounting: a.Accounting})
		out.Write(p.Bytes())
		text := strings.Join(strings.Fields(out.String()), " ")
		if !strings.Contains(text, strings.TrimSpace(tc.says)) || !strings.Contains(text, tc.says2) ||
			tc.not != "" && strings.Contains(text, tc.not) {
			t.Errorf("%v: got\n%s\nwant %q, %q, and not %q", tc.errors, out.String(), tc.says, tc.says2, tc.not)
		}
	}
}
