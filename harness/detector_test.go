package harness

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/sampleapp"
)

// The test's errors are as rare as it says, and it is quicker the worse the canary is.
func TestSequentialTestHoldsItsErrorRates(t *testing.T) {
	rule := SequentialTest{Good: 1, Bad: 10, FalseAlarm: 0.01, Miss: 0.01}
	random := rand.New(rand.NewPCG(1, 2))
	const walks = 20_000
	// often is more often than a true probability of 1 % gives in all but one of 10,000 cases.
	often := int(distuv.Binomial{N: walks, P: 0.01}.Mean() + 4*distuv.Binomial{N: walks, P: 0.01}.StdDev())
	// decide is one pass: until it decides for the one or, by beginning anew, for the other.
	decide := func(share float64) (bad bool, n int) {
		w := rule.start()
		for {
			n++
			if w.add(random.Float64() < share) {
				return true, n
			}
			if w.n == 0 {
				return false, n
			}
		}
	}
	alarms, misses := 0, 0
	steps := map[float64]int{}
	for range walks {
		if bad, _ := decide(0.01); bad {
			alarms++
		}
		for _, share := range []float64{0.1, 0.3, 1} {
			bad, n := decide(share)
			if !bad && share == 0.1 {
				misses++
			}
			steps[share] += n
		}
	}
	if alarms > often || misses > often {
		t.Errorf("got %d false alarms and %d misses in %d passes, want %d at most", alarms, misses, walks, often)
	}
	if !(steps[0.1] > steps[0.3] && steps[0.3] > steps[1]) {
		t.Errorf("got mean numbers of answers %v, want fewer for a worse canary", steps)
	}
	if n := steps[1] / walks; n != 2 {
		// ln(99) / ln(10) = 1.996
		t.Errorf("a canary that always fails: got %d answers, want 2", n)
	}
}

// A phase with a Detector ends when it decides, and the report times that.
func TestAPhaseEndsWithItsDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeMesh()
		s := story()
		s.Phases = []Phase{s.Phases[0], s.Phases[1], {
			Name: "v2 fails", Do: Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 1}}, Until: SequentialTest{Good: 1, Bad: 10},
			Expect: []expect.Expectation{expect.TakenBackWithin(time.Second)},
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
		// Three answers at 250 a second, and the fake's ticks of 50 ms: far from the 3 s that other phases last at least.
		if took := o.End.Sub(o.Start); took > time.Second {
			t.Errorf("the phase went on for %s", took)
		}
	})
}

// A detector that never decides leaves the phase inconclusive at its deadline.
func TestNoDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := story()
		s.Phases[1].Until, s.Phases[1].Deadline = SequentialTest{Good: 1, Bad: 10}, 5*time.Second
		s.Phases[1].Expect = []expect.Expectation{expect.TakenBackWithin(time.Second)}
		rep, _, err := playFake(t, t.Context(), newFakeMesh(), s)
		if err != nil || rep.Outcome != reports.Inconclusive {
			t.Fatalf("got %v, %v, want inconclusive", rep.Outcome, err)
		}
		if v := rep.Phases[1].Verdicts[len(rep.Phases[1].Verdicts)-1]; v.Saw != "no decision" {
			t.Errorf("got %+v, want no decision", v)
		}
	})
}

// What a step did to istiod is no trouble, and istiod comes back whatever happens.
func TestIstiodComesBack(t *testing.T) {
	for _, interrupt := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeMesh()
			s := story()
			claims := []expect.Expectation{expect.Share("v2", 50)}
			s.Phases = slices.Insert(s.Phases, 2, Phase{Name: "no istiod", Do: StopIstiod{}, Expect: claims}, Phase{Name: "istiod again", Do: StartIstiod{}, Expect: claims})
			if interrupt {
				s.Phases = s.Phases[:3]
			}
			rep, _, err := playFake(t, t.Context(), f, s)
			if err != nil {
				t.Fatal(err)
			}
			if rep.Outcome != reports.Pass {
				t.Errorf("got %s: %+v %q %+v", rep.Outcome, verdicts(rep), rep.Accounting.Problems, rep.Accounting.Troubles)
			}
			if f.stopped || !f.called("start istiod") {
				t.Error("istiod is still away")
			}
			// An earlier run may have been killed.
			f.stopped, f.calls = true, nil
			if _, _, err := playFake(t, t.Context(), f, story()); err != nil {
				t.Fatal(err)
			}
			if got := f.order([]string{"start istiod", "owner story"}); !slices.Equal(got, []string{"start istiod", "owner story"}) {
				t.Errorf("got %q, want istiod started before anything else", got)
			}
		})
	}
	s := story()
	s.Phases[1].Do = StopIstiod{}
	l := newFakeMesh().lab()
	l.Istiod = nil
	if _, err := play(t.Context(), l, reports.Setup{}, s, Options{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "of its own") {
		t.Errorf("somebody else's istiod: got %v, want a refusal", err)
	}
}

// What a change is to bring about is awaited, and a phase without it is judged by nothing.
func TestAwaitedFacts(t *testing.T) {
	for _, test := range []struct {
		name string
		// after is how long the fact takes to come about.
		after time.Duration
		want  reports.Outcome
	}{{"soon", 3 * time.Second, reports.Pass}, {"never", time.Hour, reports.Inconclusive}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeMesh()
				f.endpoints = map[string]hosts{"client": {All: 2}}
				s := story()
				s.Phases[1].Await = []Proof{Ejected{"v2", 1}}
				changed := false
				f.hook = func(call string) error {
					if call == "endpoints v2" && !changed {
						changed = true
						time.AfterFunc(test.after, func() { f.endpoints = map[string]hosts{"client": {All: 2, Ejected: 1}} })
					}
					return nil
				}
				rep, _, err := playFake(t, t.Context(), f, s)
				if err != nil || rep.Outcome != test.want {
					t.Fatalf("got %s, %v, want %s: %+v", rep.Outcome, err, test.want, verdicts(rep))
				}
				if o := rep.Phases[1].Observation; (test.want == reports.Pass) != (o.SettledAt.Sub(o.Start) >= test.after && !o.SettledAt.IsZero()) {
					t.Errorf("settled %s after its start", o.SettledAt.Sub(o.Start))
				}
			})
		})
	}
}
