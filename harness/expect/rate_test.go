package expect

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports/analysis"
)

func TestTimes(t *testing.T) {
	for _, test := range []struct {
		claim, want Expectation
		factor      float64
	}{
		{FailAtMost(50), FailAtMost(25), 0.5}, {FailAtMost(50).Of("beta"), FailAtMost(16).Of("beta"), 1. / 3},
		{ReachAtMost("v2", 250), ReachAtMost("v2", 137), 0.55}, {ReachAtMost("v2", 0), ReachAtMost("v2", 0), 0.1},
		{ReachAtMost("v2", 300), ReachAtMost("v2", 90), 0.3}, {FailAtMost(50), FailAtMost(100), 2},
		{NeverFails(), NeverFails(), 0.5}, {Share("v2", 5), Share("v2", 5), 0.5},
		{RecoveredWithin(time.Second), RecoveredWithin(time.Second), 0.5}, {Answers("v2", 10), Answers("v2", 10), 0.5},
	} {
		if got := Times(test.claim, test.factor); got.String() != test.want.String() {
			t.Errorf("%s at %g times the rate: got %s, want %s", test.claim, test.factor, got, test.want)
		}
	}
}

// A change that costs twice as much as is claimed fails the claim at each rate that is allowed for it, with probability
// Power, and one that costs a quarter passes: no lower rate makes it easier.
func TestNoRateMakesAClaimEasier(t *testing.T) {
	const trials = 4000
	rng := rand.New(rand.NewPCG(20, 41))
	for _, claimed := range []int{25, 50, 80, 250} {
		lowest := 1.0
		for f := 1.0; f > 0.01; f -= 0.01 {
			if Decidable(Times(ReachAtMost("v2", claimed), f), Outlook{Rate: 500 * f, Watch: time.Minute}) {
				lowest = f
			}
		}
		if lowest == 1 {
			t.Errorf("%d: no lower rate is allowed", claimed)
		}
		for _, factor := range []float64{1, lowest} {
			claim := Times(ReachAtMost("v2", claimed), factor)
			passes := func(costs float64) float64 {
				n := 0
				for range trials {
					reached := distuv.Poisson{Lambda: costs * float64(claimed) * factor, Src: rng}.Rand()
					o := settled(counts(map[string]int{"v1": 2000}))
					o.Transition.Total = counts(map[string]int{"v2": int(reached)})
					if claim.Check(o).Outcome == pass {
						n++
					}
				}
				return float64(n) / trials
			}
			// Three standard deviations of so many trials are half a percent.
			if p := passes(2); p > 1-Power+0.005 {
				t.Errorf("%s, at %.2f times the rate: twice as much passes in %.1f %%", claim, factor, 100*p)
			}
			if p := passes(0.25); p < Power-0.005 {
				t.Errorf("%s, at %.2f times the rate: a quarter passes in %.1f %%", claim, factor, 100*p)
			}
		}
	}
}

func TestDecidable(t *testing.T) {
	at := func(rate float64, switches ...Switch) Outlook {
		return Outlook{Rate: rate, Watch: time.Minute, Switches: switches}
	}
	// A switch of 20 % of 100 requests a second, seen for 9 s before, and as long after.
	coarse := Switch{Rate: 100, Share: 0.2, Before: 917, After: 917}
	with := func(change func(*Switch)) Switch {
		s := coarse
		change(&s)
		return s
	}
	need, second := float64(Share("v2", 10).Need()), RecoveredWithin(time.Second)
	for _, test := range []struct {
		name  string
		claim Expectation
		o     Outlook
		want  bool
	}{
		{"enough requests", Share("v2", 10), at(need / 53), true},
		{"too few requests", Share("v2", 10), at(need / 55), false},
		{"a request every 20 ms", NeverFails(), at(50), true},
		{"a request every 21 ms", NeverFails(), at(48), false},
		{"none at all, and too rare", ReachAtMost("v2", 0), at(48), false},
		{"a bracket that closes", second, at(400, coarse), true},
		{"a share of a tenth of it", second, at(400, with(func(s *Switch) { s.Share = 0.02 })), false},
		{"a third of the rate", second, at(400, with(func(s *Switch) { s.Rate = 33 })), false},
		{"more time", RecoveredWithin(5 * time.Second), at(400, with(func(s *Switch) { s.Rate = 33 })), true},
		{"nothing affected before", second, at(400, with(func(s *Switch) { s.Before = 1 })), false},
		{"one of two is coarse", second, at(
			400, with(func(s *Switch) { s.Share = 1 }), with(func(s *Switch) { s.Share = 0.02 }),
		), false},
		{"few affected are known", second, at(400, with(func(s *Switch) { s.Affected = 9 })), false},
		{"too few follow", DrainedWithin(time.Second), at(400, with(func(s *Switch) { s.After = 20 })), false},
		{"enough follow", DrainedWithin(time.Second), at(400, coarse), true},
		{"a quick decision", AbortedWithin(5 * time.Second), Outlook{Answers: 10, Decision: 45}, true},
		{"a slow decision", AbortedWithin(5 * time.Second), Outlook{Answers: 10, Decision: 46}, false},
		{"a detector of another sort", AbortedWithin(5 * time.Second), Outlook{}, true},
	} {
		if got := Decidable(test.claim, test.o); got != test.want {
			t.Errorf("%s: %s: got %t, want %t", test.name, test.claim, got, test.want)
		}
	}
}

// What a claim says of the share that a rollback ends.
func TestAffects(t *testing.T) {
	for _, test := range []struct {
		claim Expectation
		want  Part
		ok    bool
	}{
		{Share("v2", 5), Part{"", 0.05, true}, true}, {Share("v1", 95), Part{}, false},
		{Share("v2", 0), Part{}, false}, {Flag(503, "UH", 10).Of("beta"), Part{"beta", 0.1, false}, true},
		{Share("v2", 40).AtLeast().Foreseen(50), Part{"", 0.5, true}, true}, {NoErrors(), Part{}, false},
		{Status(101, 100), Part{}, false}, {Status(404, 50), Part{"", 0.5, false}, true},
	} {
		got, ok := Affects(test.claim, "v2")
		if ok != test.ok || ok && (got.Cohort != test.want.Cohort || got.Canary != test.want.Canary ||
			math.Abs(got.Share-test.want.Share) > 1e-9) {
			t.Errorf("%s: got %+v, %t, want %+v, %t", test.claim, got, ok, test.want, test.ok)
		}
	}
}

// The forecast of a bracket is what the clock makes of it: see Closing's own test for the number.
func TestClosingIsTheClocks(t *testing.T) {
	s := Switch{Rate: 200, Share: 1, Before: 1000, After: 1000}
	closes, last := Outlook{Watch: time.Minute, Switches: []Switch{s}}.closing()
	n, _ := analysis.Closing(1000, 1000)
	if want := time.Duration(n) * time.Second / 200; !last || (closes-want).Abs() > time.Microsecond {
		t.Errorf("got %s, %t, want %s", closes, last, want)
	}
}
