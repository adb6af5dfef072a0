package realmesh

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/lab/labtest"
	"github.com/canarylab/canarylab/reports"
)

// moves is a Pace that makes one after the other, each a while after the phase is ready.
type moves []harness.Move

func (m *moves) Next(ctx context.Context, at harness.Playing) (harness.Move, error) {
	select {
	case <-at.Ready:
	case <-ctx.Done():
	}
	if err := sleep(ctx, 4*time.Second); err != nil {
		return harness.Move{}, err
	}
	if len(*m) == 0 {
		return harness.Move{Finish: true}, nil
	}
	next := (*m)[0]
	*m = (*m)[1:]
	return next, nil
}

// Whoever leads a run sets the rate of its load: agents follow, and every request is accounted for.
func TestRateOfALedRun(t *testing.T) {
	labtest.ByTurns(t, turnOfLedRate)
	s := quietStory(t)
	try := func(rate int) harness.Move {
		step, err := s.SendAt(rate)
		if err != nil {
			t.Fatal(err)
		}
		return harness.Move{Try: &harness.Phase{Name: "by hand", Do: step}}
	}
	rep, err := theLab.Play(t.Context(), t, s, harness.Options{
		Pace: &moves{try(60), {To: 1}, try(150), {To: 1}}, Rate: s.Rate(),
	})
	if err != nil {
		t.Fatal(err)
	}
	// The last phase is played once more, for which the state is brought back that the story had.
	own := rep.Setup.Load.TotalRate()
	for i, want := range []float64{own, 60, 60, 150, own} {
		o := rep.Phases[i].Observation.Settled
		if got := float64(o.Total.Requests) / o.Took().Seconds(); math.Abs(got-want) > want/20 {
			t.Errorf("%s: got %.1f requests a second, want %g", rep.Phases[i].Name, got, want)
		}
	}
	steps := rep.Setup.Load.Shape.Steps
	if rep.Outcome != reports.Pass && !rep.Void() || !rep.Accounting.Balanced() || len(steps) != 4 {
		t.Errorf("got %s, %q, %+v: want a run that balances, by a plan with three changes", rep.Outcome,
			rep.Accounting.Problems, steps)
	}
}
