package harness

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// An agent that stands still for 30 ms of each 100 ms voids what rests on its pace, and no more: a story without such a
// claim passes, and says that the agent was late.
func TestHeldBackAgentVoidsWhatRestsOnIt(t *testing.T) {
	for _, test := range []struct {
		name  string
		claim expect.Expectation
		want  reports.Outcome
	}{
		{"none", expect.NoErrors(), reports.Pass},
		{"a bound that may depend on the load", expect.Share("v1", 30).AtLeast(), reports.Invalid},
		{"a bound that does not", expect.Share("v1", 30).AtLeast().DrawnSingly(), reports.Pass},
		{"what a change costs", expect.NeverFails(), reports.Invalid},
		{"a share that is false", expect.Share("v2", 30), reports.Fail},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeMesh()
			f.stops = 30 * time.Millisecond
			s := story()
			s.Phases[1].Expect = append(s.Phases[1].Expect, test.claim)
			if test.want == reports.Fail {
				s.Phases[1].Expect = s.Phases[1].Expect[1:] // two shares of one thing can't both be claimed
			}
			rep, _, err := playFake(t, t.Context(), f, s)
			if err != nil {
				t.Fatal(err)
			}
			late := rep.Accounting.Shaken(analysis.OnTime)
			if b := rep.Accounting; len(late) != 1 || len(b.Problems) != 1 || b.Pace[0].LagMax < 29*time.Millisecond {
				t.Fatalf("%s: got problems %+v and pace %+v, want an agent that was late", test.name, b.Problems,
					b.Pace)
			}
			void := 0
			for _, v := range verdicts(rep) {
				if len(v.Void) > 0 {
					void++
				}
			}
			if rep.Outcome != test.want || (void == 1) != (test.want == reports.Invalid) || rep.Void() != (void > 0) {
				t.Errorf("%s: got outcome %s, want %s: %+v", test.name, rep.Outcome, test.want, verdicts(rep))
			}
		})
	}
}
