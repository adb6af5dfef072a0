package harness

import (
	"errors"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// rateMove returns a move that sets the rate of the load.
func rateMove(t *testing.T, s Scenario, rate int) Move {
	t.Helper()
	step, err := s.SendAt(rate)
	if err != nil {
		t.Fatal(err)
	}
	return Move{Try: &Phase{Name: "by hand", Do: step}}
}

// perSecond is how many requests a second were judged in a phase.
func perSecond(p reports.Phase) float64 {
	return float64(p.Observation.Settled.Total.Requests) / p.Observation.Settled.Took().Seconds()
}

// A rate that is set holds for what is played next, the plan in the report says so, and the way back takes it along.
func TestTriedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := calm()
		pace := &script{moves: []Move{
			{To: 1}, rateMove(t, s, 50), {To: 2}, rateMove(t, s, 100), {To: 0}, {To: 1},
		}, patience: 5 * time.Second}
		rep := led(t, newFakeMesh(), s, pace, "baseline", "half", "by hand", "rollback", "by hand (2)", "baseline (2)",
			"half (2)")
		for i, want := range []float64{500, 500, 50, 50, 100, 500, 500} {
			if got := perSecond(rep.Phases[i]); math.Abs(got-want) > want/20 {
				t.Errorf("%s: got %.1f requests a second, want %g", rep.Phases[i].Name, got, want)
			}
			if at := pace.at[i]; at.Most != 500 || at.Rate != int(want) {
				t.Errorf("got %+v, want %g, and 500 at most", at, want)
			}
		}
		if a := rep.Phases[2].Action; a.Kind != "send-at" || len(rep.Phases[2].Verdicts) != 0 {
			t.Errorf("got %+v, %+v: want nothing claimed", a, rep.Phases[2].Verdicts)
		}
		if r := rep.Phases[3].Observation.Rollback; r == nil || !r.Recovered() {
			t.Errorf("got rollback %+v, want one from half of the requests", r)
		}
		plan := rep.Setup.Load
		if plan.Shape == nil || len(plan.Shape.Steps) != 4 || plan.Rate+plan.Cohorts[0].Rate != 500 {
			t.Fatalf("got %+v, want the plan with three changes of its rate", plan)
		}
		sum := plan.Expected("everyone", 0, rep.Phases[6].Observation.End.Sub(rep.Phases[0].Observation.Start))
		if got := float64(rep.Accounting.Requests); math.Abs(got-sum) > 100 { // what was sent after the last phase
			t.Errorf("got %g requests, want the plan's %.0f", got, sum)
		}
	})
}

// Below the lowest rate of a story, what would cost requests stays open, and what has too few is inconclusive.
func TestRateThatIsTooLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := calm()
		s.Phases[2].Expect = append(s.Phases[2].Expect, expect.FailAtMost(40), expect.NeverFails())
		s.Phases[2].Deadline = 20 * time.Second
		rep, _, err := playPaced(t, t.Context(), newFakeMesh(), s, &script{moves: []Move{
			{To: 1}, rateMove(t, s, 3), {To: 2},
		}})
		if err != nil {
			t.Fatal(err)
		}
		open := 0
		for _, v := range rep.Phases[3].Verdicts {
			// A rollback is timed by the requests that there are.
			if v.Outcome != reports.Inconclusive && v.Kind != "recovered-within" {
				t.Errorf("got %+v, want it inconclusive", v)
			}
			if strings.Contains(v.Why, "somebody had set 3") {
				open++
			}
		}
		if len(rep.Phases[3].Verdicts) != 4 || open != 2 || !rep.Accounting.Balanced() {
			t.Errorf("got %+v, %q: want two that stay open", rep.Phases[3].Verdicts, rep.Accounting.Problems)
		}
	})
}

func TestSendAtIsChecked(t *testing.T) {
	s := story()
	for _, rate := range []int{-1, 0, 501} {
		if _, err := s.SendAt(rate); !errors.Is(err, ErrRate) {
			t.Errorf("%d: got %v, want an error", rate, err)
		}
	}
	for name, change := range map[string]func(*Scenario){
		"about its load": func(s *Scenario) { s.LowestRate = s.Rate() },
		"a shape":        func(s *Scenario) { s.Load.Shape = &loadgen.Shape{} },
	} {
		s := story()
		change(&s)
		if _, err := s.SendAt(100); err == nil || !strings.Contains(err.Error(), "whose rate stays") {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
	if err := (sendAt{1}).do(t.Context(), moment{}); err == nil {
		t.Error("a run that nobody leads changes its rate")
	}
	if typed, err := s.Typed(sendAt{1}); err != nil || len(typed.Lines) > 0 {
		t.Errorf("got %v, %v, want nothing to type", typed, err)
	}
}
