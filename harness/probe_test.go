package harness

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
)

// rated is the story with a claim whose number follows from the rate.
func rated() Scenario {
	s := story()
	last := &s.Phases[2]
	last.Expect = append(last.Expect, expect.ReachAtMost("v2", 250))
	return s
}

// tried are the rates of a run's trials, those that were not carried below zero.
func tried(rep *reports.Report) (all []int) {
	for _, trial := range rep.Rate.Trials {
		if trial.Carried {
			all = append(all, trial.Rate)
		} else {
			all = append(all, -trial.Rate)
		}
	}
	return all
}

// A run takes the highest rate that the machine carries, and its claims follow it. What is recorded is the rate that
// was played, so that the trace alone makes the same report (which playFake looks at).
func TestRunFindsTheRate(t *testing.T) {
	lowest := rated().Lowest(0).Rate
	for _, test := range []struct {
		name   string
		mesh   func(*fakeMesh)
		tried  []int
		played int
		says   string
		want   reports.Outcome
	}{
		{"a quick machine", func(*fakeMesh) {}, []int{500}, 500, "", reports.Pass},
		{"one standstill", func(f *fakeMesh) { f.hiccups = 1 }, []int{-500, 500}, 500, "", reports.Pass},
		{
			"a slower one", func(f *fakeMesh) { f.carries = 300 }, []int{-500, -500, -375, 275}, 275,
			"played at 275 of the story's 500 requests a second, as the machine carried no more: at 375 a second " +
				"requests were sent 30.0 ms late at p99, while the machine's 2 processors were 100 % busy (envoy " +
				"50 %, cc1plus 50 %); it takes ", reports.Pass,
		},
		{
			"one that carries nothing", func(f *fakeMesh) { f.carries = 1 },
			[]int{-500, -500, -375, -275, -200, -150, -lowest}, lowest,
			"the lowest rate that its claims allow (phase half, ", reports.Invalid,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeMesh()
				f.processors = &fakeProcessors{}
				test.mesh(f)
				rep, dir, err := playFake(t, t.Context(), f, rated())
				if err != nil {
					t.Fatal(err)
				}
				if got := tried(rep); !slices.Equal(got, test.tried) || rep.Rate.Played != test.played {
					t.Errorf("got trials %d, and %d played, want %d and %d", got, rep.Rate.Played, test.tried,
						test.played)
				}
				if rep.Outcome != test.want {
					t.Errorf("got %s, want %s: %+v %q", rep.Outcome, test.want, verdicts(rep), rep.Accounting.Problems)
				}
				if planned := rep.Accounting.Pace[0].Planned; planned < float64(test.played)*0.999 ||
					planned > float64(test.played)*1.001 || rep.Setup.Load.TotalRate() != float64(test.played) {
					t.Errorf("got %g requests a second and a plan of %g, want %d", planned, rep.Setup.Load.TotalRate(),
						test.played)
				}
				says := reports.RateInWords(rep)
				if !strings.Contains(says, test.says) || (says == "") != (test.says == "") {
					t.Errorf("it says %q, want %q", says, test.says)
				}
				last := rep.Phases[2].Verdicts
				if want := expect.ReachAtMost("v2", 250*test.played/500).String(); last[len(last)-1].Want != want {
					t.Errorf("got claim %q, want %q", last[len(last)-1].Want, want)
				}
				if longer := rep.Rate.Longer; (longer > 0) != (test.played < 500) {
					t.Errorf("got %s longer at %d requests a second", longer, test.played)
				}
				if noted := slices.ContainsFunc(rep.Notes, func(n string) bool {
					return strings.Contains(n, "one is sent every")
				}); noted != (test.played < 500) {
					t.Errorf("got notes %q, want what a lower rate costs", rep.Notes)
				}
				saved, err := os.ReadFile(filepath.Join(dir, reports.ReportFile))
				if err != nil || !strings.Contains(string(saved), `"trials"`) {
					t.Errorf("the saved report has no trials: %v", err)
				}
			})
		})
	}
}

// A story that is played at its own rate alone is not tried at it twice, whatever the machine carries.
func TestRunAtItsOwnRateAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.hiccups = 1
		s := rated()
		s.LowestRate = s.Rate()
		rep, _, err := playFake(t, t.Context(), f, s)
		if err != nil {
			t.Fatal(err)
		}
		if got := tried(rep); !slices.Equal(got, []int{-500}) || rep.Rate.Played != 500 ||
			rep.Rate.LowestFor != "the story is about its load" {
			t.Errorf("got trials %d and %+v, want the one of the warm-up", got, rep.Rate)
		}
	})
}

// A rate that is asked for is played, and none is tried.
func TestRunAtAFixedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.carries = 100 // which nobody asks
		rep, _, err := playFakeAt(t, t.Context(), f, rated(), 250)
		if err != nil {
			t.Fatal(err)
		}
		if len(rep.Rate.Trials) > 0 || rep.Setup.Load.TotalRate() != 250 {
			t.Errorf("got trials %d and a plan of %g requests a second, want none and 250", tried(rep),
				rep.Setup.Load.TotalRate())
		}
		if got, want := reports.RateInWords(rep), "as was asked for"; !strings.Contains(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	})
}

func TestARateThatCannotBePlayed(t *testing.T) {
	fixed := rated()
	fixed.LowestRate = 500
	at := rated()
	at.LowestRate = 300
	for _, test := range []struct {
		s    Scenario
		rate int
		want string
	}{
		{rated(), 20, "story takes "}, {rated(), -1, "are not 1 to 20000"}, {rated(), 20001, "are not 1 to 20000"},
		{fixed, 499, "is played at 500 requests a second and at no other rate: the story is about its load"},
		{fixed, 501, "at no other rate"}, {at, 299, "story takes 300 requests a second or more, got 299"},
	} {
		f := newFakeMesh()
		_, err := Run(t.Context(), f.env(), test.s, Options{Dir: t.TempDir() + "/run", ID: "id", Rate: test.rate})
		if !errors.Is(err, ErrRate) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%d: got %v, want %q", test.rate, err, test.want)
		}
		if len(f.calls) > 0 {
			t.Errorf("%d: something was done: %q", test.rate, f.calls)
		}
	}
	for _, rate := range []int{500, rated().Lowest(0).Rate, 1000} {
		if err := rated().CheckRate(rate, 0); err != nil {
			t.Errorf("%d: %v", rate, err)
		}
	}
}

// A void verdict says who used the processors while requests were late, and not what was at work at other times.
func TestAVoidVerdictSaysWhoUsedTheProcessors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		f.stops, f.processors = 30*time.Millisecond, &fakeProcessors{}
		s := story()
		s.Phases[1].Expect = append(s.Phases[1].Expect, expect.NeverFails())
		rep, _, err := playFake(t, t.Context(), f, s)
		if err != nil || rep.Outcome != reports.Invalid {
			t.Fatalf("got %v, %v, want it invalid", rep.Outcome, err)
		}
		for _, v := range verdicts(rep) {
			for _, want := range []string{"cc1plus 50 %", "envoy 50 %", "close cc1plus, or play it at a lower rate"} {
				if !strings.Contains(v.Why, want) {
					t.Errorf("%s: got %q, want %q in it", v.Want, v.Why, want)
				}
			}
		}
	})
}
