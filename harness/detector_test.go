package harness

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/sampleapp"
)

// A phase with a Detector ends when it decides, and the report times that.
func TestAPhaseEndsWithItsDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		s := story()
		s.Phases = []Phase{s.Phases[0], s.Phases[1], {
			Name: "v2 fails", Do: Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 1, ErrorCode: 404}},
			Until:  SequentialTest{Good: 1, Bad: 10},
			Expect: []expect.Expectation{expect.AbortedWithin(time.Second)},
		}, s.Phases[2]}
		rep, _, err := playFake(t, t.Context(), f, s)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Outcome != reports.Pass {
			t.Fatalf("got outcome %s, want pass: %+v %q", rep.Outcome, verdicts(rep), rep.Accounting.Problems)
		}
		o := rep.Phases[2].Observation
		d := o.Detection
		if d == nil || !d.Bad || d.BadOnes < 3 || d.Answers < d.BadOnes || d.FirstBad <= 0 || d.After < d.FirstBad {
			t.Fatalf("got %+v, want a decision after three bad answers", *d)
		}
		// The rollback is timed against both phases in which v2 had its half: of the second alone hardly anything is
		// known.
		if r := rep.Phases[3].Observation.Rollback; r.Before.Of <= rep.Phases[1].Observation.Settled.Total.Requests {
			t.Errorf("got a share before the rollback of %s, want that of two phases", r.Before)
		}
		// Three answers at 250 a second, and the fake's ticks of 50 ms: far from the 3 s that other phases last
		// at least.
		if took := o.End.Sub(o.Start); took > time.Second {
			t.Errorf("the phase went on for %s", took)
		}
	})
}

// A detector that does not decide in the time that is claimed fails the claim. One that had less time leaves the phase
// inconclusive at its deadline.
func TestNoDecision(t *testing.T) {
	for within, want := range map[time.Duration]reports.Outcome{
		time.Second: reports.Fail, time.Minute: reports.Inconclusive,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := story()
			s.Phases[1].Until, s.Phases[1].Deadline = SequentialTest{Good: 1, Bad: 10}, 5*time.Second
			s.Phases[1].Expect = []expect.Expectation{expect.AbortedWithin(within)}
			rep, _, err := playFake(t, t.Context(), newFakeMesh(), s)
			if err != nil || rep.Outcome != want {
				t.Fatalf("within %s: got %v, %v, want %s", within, rep.Outcome, err, want)
			}
			if v := rep.Phases[1].Verdicts[len(rep.Phases[1].Verdicts)-1]; v.Saw != "no decision" {
				t.Errorf("within %s: got %+v, want no decision", within, v)
			}
		})
	}
}
