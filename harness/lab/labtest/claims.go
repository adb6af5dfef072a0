package labtest

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

// Claims holds each claim of a report as a subtest, named by its phase and what it wants: go test -v and go test -json
// have a line for each. It also holds the outcome of the whole run, which is more than its claims: requests that are
// not accounted for, or trouble on the cluster.
func Claims(t *testing.T, rep *reports.Report) {
	t.Helper()
	for _, p := range rep.Phases {
		t.Run(p.Name, func(t *testing.T) {
			for _, v := range p.Verdicts {
				t.Run(v.Want, func(t *testing.T) {
					if v.Outcome != reports.Pass {
						t.Errorf("%s: saw %s: %s", v.Outcome, v.Saw, v.Why)
					}
				})
			}
		})
	}
	if !t.Failed() && rep.Outcome != reports.Pass {
		t.Errorf("the run is %s, though each claim holds: %q, %+v", rep.Outcome, rep.Accounting.Problems,
			rep.Accounting.Troubles)
	}
}
