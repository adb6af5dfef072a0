package harness

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/sampleapp"
)

// A script is a Pace that knows its moves beforehand. It makes each when the phase is ready, and finishes after the
// last.
type script struct {
	moves []Move
	// hasty tells that it does not wait until a phase is ready, and patience how long it goes on watching.
	hasty    bool
	patience time.Duration
	fails    error
	at       []Playing
}

func (s *script) Next(ctx context.Context, at Playing) (Move, error) {
	s.at = append(s.at, at)
	if s.fails != nil {
		return Move{}, s.fails
	}
	if !s.hasty {
		select {
		case <-at.Ready:
		case <-ctx.Done():
			return Move{}, ctx.Err()
		}
	}
	select {
	case <-time.After(s.patience):
	case <-ctx.Done():
		return Move{}, ctx.Err()
	}
	if len(s.moves) == 0 {
		return Move{Finish: true}, nil
	}
	next := s.moves[0]
	s.moves = s.moves[1:]
	return next, nil
}

// calm is the story without the claim that v2 gets nothing: the requests of the fake mesh are counted up to 50 ms after
// they were sent, and so some of another phase may be.
func calm() Scenario {
	s := story()
	s.Phases[0].Expect = s.Phases[0].Expect[:1]
	return s
}

// phaseNames are those of a report, in its order.
func phaseNames(rep *reports.Report) (all []string) {
	for _, p := range rep.Phases {
		all = append(all, p.Name)
	}
	return all
}

// led plays the story by a script, and wants it to pass with some phases.
func led(t *testing.T, f *fakeMesh, s Scenario, pace *script, want ...string) *reports.Report {
	t.Helper()
	rep, _, err := playPaced(t, t.Context(), f, s, pace)
	if err != nil {
		t.Fatal(err)
	}
	if got := phaseNames(rep); !slices.Equal(got, want) {
		t.Errorf("got phases %q, want %q", got, want)
	}
	if rep.Outcome != reports.Pass {
		t.Errorf("got outcome %s, want pass: %+v %q", rep.Outcome, verdicts(rep), rep.Accounting.Problems)
	}
	if gap := rep.Accounting.Outside; gap > 50 {
		t.Errorf("got %d requests outside of every phase: phases have to follow each other without a gap", gap)
	}
	return rep
}

// A pace that goes on whenever a phase is ready makes the run that there is without one.
func TestPaceInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := &script{moves: []Move{{To: 1}, {To: 2}}}
		rep := led(t, newFakeMesh(), story(), pace, "baseline", "half", "rollback")
		alone, _, err := playFake(t, t.Context(), newFakeMesh(), story())
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range rep.Phases {
			if q := alone.Phases[i]; p.Did != q.Did || len(p.Verdicts) != len(q.Verdicts) || p.Repeat {
				t.Errorf("got phase %+v, want it as without a pace: %+v", p, q)
			}
		}
		if took := rep.Took - alone.Took; took.Abs() > time.Second {
			t.Errorf("got %s longer than without a pace", took)
		}
		if len(rep.Notes) != len(alone.Notes)+1 || !strings.Contains(strings.Join(rep.Notes, " "), "led the run") {
			t.Errorf("got notes %q, want those of the run alone, and that it was led", rep.Notes)
		}
	})
}

func TestPaceGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := &script{moves: []Move{{To: 1}, {To: 0}, {To: 1}, {To: 2}, {To: 1}}}
		rep := led(t, newFakeMesh(), calm(), pace,
			"baseline", "half", "baseline (2)", "half (2)", "rollback", "half (3)")
		for i, want := range []struct {
			kind     string
			claims   int
			repeat   bool
			answered string
		}{
			{"apply", 1, false, "v1"}, {"apply", 3, false, "v2"}, {"restore", 1, true, "v1"},
			{"apply", 3, true, "v2"}, {"revert", 2, false, "v1"}, {"restore", 3, true, "v2"},
		} {
			p := rep.Phases[i]
			if p.Action.Kind != want.kind || len(p.Verdicts) != want.claims || p.Repeat != want.repeat ||
				p.Observation.Settled.Total.Versions[want.answered] == 0 {
				t.Errorf("%s: got %s and %d verdicts, repeated %t, answers %v; want %+v", p.Name, p.Action.Kind,
					len(p.Verdicts), p.Repeat, p.Observation.Settled.Total.Versions, want)
			}
		}
		// The clock of the rollback compares with the phase that was played before it.
		if r := rep.Phases[4].Observation.Rollback; r == nil || !r.Recovered() || r.Before.Percent < 40 {
			t.Errorf("got rollback %+v, want one from half of the requests", r)
		}
		var at []int
		for _, p := range pace.at {
			at = append(at, p.Phase)
		}
		if want := []int{0, 1, 0, 1, 2, 1}; !slices.Equal(at, want) {
			t.Errorf("got asked in phases %v, want %v", at, want)
		}
	})
}

// What is said of the change itself is not claimed where the change is another one.
func TestPaceGoesBackToARollback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := story()
		s.Phases = append(s.Phases, Phase{
			Name: "all of v2", Do: Apply("4-v2.yaml"), Breaks: true, Point: true,
			Expect: []expect.Expectation{expect.Share("v2", 100), expect.NeverFails()},
		})
		s.Cause, s.Source, s.Fix, s.See, s.Back = "c", "s", "f", []string{"see"}, "b"
		pace := &script{moves: []Move{{To: 1}, {To: 2}, {To: 3}, {To: 2}, {To: 3}, {To: 3}}}
		rep := led(t, newFakeMesh(), s, pace, "baseline", "half", "rollback", "all of v2", "rollback (2)",
			"all of v2 (2)", "all of v2 (3)")
		if p := rep.Phases[4]; p.Observation.Rollback != nil || len(p.Verdicts) != 1 {
			t.Errorf("got %+v, want the share alone and no rollback clock", p)
		}
		if p := rep.Phases[5]; len(p.Verdicts) != 2 || p.Breaks || p.Point {
			t.Errorf("got %+v, want the story's claims, and no mark: the first has them", p)
		}
		if p := rep.Phases[6]; len(p.Verdicts) != 1 || p.Action.Kind != "restore" {
			t.Errorf("got %+v, want the share alone: nothing was to change", p)
		}
	})
}

// A phase goes on being watched until somebody says so.
func TestPacePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := &script{patience: time.Minute}
		rep := led(t, newFakeMesh(), story(), pace, "baseline")
		if took := rep.Phases[0].Observation.Settled.Took(); took < time.Minute {
			t.Errorf("got %s watched, want all of the pause", took)
		}
	})
}

// A phase that is left before it has its requests is judged by what it has.
func TestPaceInAHurry(t *testing.T) {
	for _, patience := range []time.Duration{0, 110 * time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			pace := &script{hasty: true, patience: patience, moves: []Move{{To: 1}, {To: 0}, {To: 2}}}
			rep, _, err := playPaced(t, t.Context(), newFakeMesh(), story(), pace)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"baseline", "half", "baseline (2)", "rollback"}
			if got := phaseNames(rep); !slices.Equal(got, want) {
				t.Errorf("%s: got phases %q, want %q", patience, got, want)
			}
			if rep.Outcome != reports.Inconclusive || rep.Broken != "" || !rep.Accounting.Balanced() {
				t.Errorf("%s: got %s, broken %q, %q: want an inconclusive run", patience, rep.Outcome, rep.Broken,
					rep.Accounting.Problems)
			}
			if rep.Took > 30*time.Second {
				t.Errorf("%s: got %s, want no phase to wait for what it lacks", patience, rep.Took)
			}
		})
	}
}

func TestPaceLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		// To the rollback without the canary before it: there is nothing to take back.
		rep := led(t, f, story(), &script{moves: []Move{{To: 2}}}, "baseline", "rollback")
		if p := rep.Phases[1]; p.Action.Kind != "restore" || p.Observation.Rollback != nil || p.Repeat {
			t.Errorf("got %+v, want the state after the rollback", p)
		}
		if notes := strings.Join(rep.Notes, " "); !strings.Contains(notes, "left out of the story: half.") {
			t.Errorf("got notes %q, want one that says what was left out", notes)
		}
	})
}

// A change that is not the story's is a phase too.
func TestPaceTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		try := func(rate float64) *Phase {
			return &Phase{
				Name: "errors of v2", Do: Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: rate}},
			}
		}
		pace := &script{moves: []Move{{To: 1}, {Try: try(1)}, {Try: try(0)}, {To: 2}}}
		rep := led(t, newFakeMesh(), story(), pace, "baseline", "half", "errors of v2", "errors of v2 (2)", "rollback")
		failed := func(i int) float64 { return rep.Phases[i].Observation.Settled.Total.Failed.Percent }
		if failed(2) < 40 || failed(3) > 1 {
			t.Errorf("got %g %% and %g %% failed, want half of all, and next to none", failed(2), failed(3))
		}
		// What was tried and not taken back goes with the way back.
		f := newFakeMesh()
		led(t, f, story(), &script{moves: []Move{{To: 1}, {Try: try(1)}, {To: 1}}}, "baseline", "half", "errors of v2",
			"half (2)")
		if f.fails["v2"] != 0 {
			t.Error("v2 still fails")
		}
	})
}

// A report holds so many phases. A run that has them ends well.
func TestPaceFillsTheReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := &script{hasty: true}
		for i := range 300 {
			pace.moves = append(pace.moves, Move{To: 1 - i%2})
		}
		rep, _, err := playPaced(t, t.Context(), newFakeMesh(), story(), pace)
		if err != nil || len(rep.Phases) < 50 || rep.Broken != "" {
			t.Fatalf("got %d phases, broken %q, %v: want as many as a report holds",
				len(rep.Phases), rep.Broken, err)
		}
		if notes := strings.Join(rep.Notes, " "); !strings.Contains(notes, "holds no more") {
			t.Errorf("got notes %q, want one that says why the run ended", notes)
		}
	})
}

func TestPaceThatFails(t *testing.T) {
	for name, test := range map[string]struct {
		pace *script
		says string
	}{
		"it fails":          {&script{fails: errors.New("the page is gone")}, "ask what comes next: the page is gone"},
		"no such phase":     {&script{moves: []Move{{To: 7}}}, "there is no phase 8: the scenario has 3"},
		"no such phase too": {&script{moves: []Move{{To: -1}}}, "there is no phase 0: the scenario has 3"},
		"a bad try": {
			&script{moves: []Move{{Try: &Phase{Name: "bad", Do: Inject{}}}}}, "try bad: heal every pod of : no version",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			rep, _, err := playPaced(t, t.Context(), newFakeMesh(), story(), test.pace)
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(rep.Broken, test.says) {
				t.Errorf("%s: got %v and broken %q, want %q", name, err, rep.Broken, test.says)
			}
		})
	}
}

// Whatever a run waits for, it ends when it is interrupted, and its pace with it.
func TestPaceInterrupted(t *testing.T) {
	for _, after := range []time.Duration{4, 5, 30} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), after*time.Second)
			defer cancel()
			pace := &script{patience: 5 * time.Second, moves: []Move{{To: 1}, {To: 0}, {To: 1}, {To: 0}, {To: 1}}}
			rep, _, err := playPaced(t, ctx, newFakeMesh(), story(), pace)
			if !errors.Is(err, context.DeadlineExceeded) || rep.Broken == "" || rep.Outcome == reports.Pass {
				t.Errorf("after %d s: got %v, broken %q, %s", after, err, rep.Broken, rep.Outcome)
			}
			if rep.Phases[len(rep.Phases)-1].Name != "rollback" || !rep.Accounting.Balanced() {
				t.Errorf("after %d s: got phases %q, %q: want also those that did not come", after, phaseNames(rep),
					rep.Accounting.Problems)
			}
		})
	}
}

// A write that fails ends the run, although its phase was never ready and nobody decided.
func TestPacedRunThatBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.hook = func(call string) error {
			if call == "apply VirtualService/my-service" {
				return errors.New("denied")
			}
			return nil
		}
		rep, _, err := playPaced(t, t.Context(), f, story(), &script{moves: []Move{{To: 1}}})
		if err == nil || !strings.Contains(rep.Broken, "denied") {
			t.Errorf("got %v, broken %q, want the write's error", err, rep.Broken)
		}
	})
}
