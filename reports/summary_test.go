package reports

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
)

func TestSummarize(t *testing.T) {
	share := func(want, saw string, o Outcome) Verdict {
		return Verdict{Want: want, Saw: saw, Outcome: o, Claim: &Claim{}}
	}
	effective := &analysis.Rollback{
		Resolution: time.Millisecond, High: 200 * time.Millisecond, Chance: 1e-9, Route: 114 * time.Millisecond,
	}
	r := &Report{Scenario: "story", Outcome: Pass, Took: 31 * time.Second, Phases: []Phase{
		{Name: "baseline", Verdicts: []Verdict{share("all on v1", "all", Pass)}},
		{Name: "break", Breaks: true, Verdicts: []Verdict{
			{Want: "a proof", Saw: "it", Outcome: Pass, Proof: true}, share("10 % fail", "9.8 %", Pass),
		},
			Observation: analysis.Observation{Settled: analysis.Window{
				Total: analysis.Counts{Failed: analysis.NewShare(98, 1000)},
			}}},
		{Name: "back", Verdicts: []Verdict{share("all on v1 again", "all", Pass)},
			Observation: analysis.Observation{
				Transition: analysis.Window{Total: analysis.Counts{Failed: analysis.NewShare(7, 60)}},
				Rollback:   effective,
			}},
	}}
	s := Summarize(r)
	if s.Claimed != "10 % fail" || s.Seen != "9.8 %" || s.Burned != 105 || len(s.Rollbacks) != 1 ||
		s.RollbackTimes() != "114 ms" {
		t.Errorf("got %+v, want the claim of the phase that breaks, 105 burned, one rollback", s)
	}
	r.Phases[0].Point = true
	if s := Summarize(r); s.Claimed != "all on v1" {
		t.Errorf("a point: got %q, want that phase's claim", s.Claimed)
	}
	r.Phases[0].Point, r.Phases[1].Breaks = false, false
	if s := Summarize(r); s.Claimed != "all on v1 again" {
		t.Errorf("nothing breaks: got %q, want the last phase's claim", s.Claimed)
	}
	r.Outcome, r.Phases[0].Verdicts[0].Outcome = Fail, Fail
	if s := Summarize(r); s.Claimed != "all on v1" {
		t.Errorf("a failed run: got %q, want what failed", s.Claimed)
	}
	r.Broken = "interrupted"
	if s := Summarize(r); s.Seen != "interrupted" {
		t.Errorf("a broken run: got %q, want why", s.Seen)
	}
	if s := Summarize(&Report{}); s.Claimed != "" {
		t.Errorf("an empty report: got %+v", s)
	}
	many := Summary{Rollbacks: []time.Duration{4 * time.Second, time.Second, 2 * time.Second, 3 * time.Second}}
	if got := many.RollbackTimes(); got != "2.00 s (1.00 s – 4.00 s)" {
		t.Errorf("got %q, want the median and the range", got)
	}
}
