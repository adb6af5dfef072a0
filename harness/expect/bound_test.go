package expect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// failing is a settled phase in which count of n requests got 503 from the app.
func failing(count, n int) analysis.Observation {
	return settled(counts(map[string]int{"v1": n - count}, analysis.Failure{Code: 503, Flag: "-", Version: "v2", Count: count}))
}

// A bound passes only if every share on its other side is contradicted.
func TestBounds(t *testing.T) {
	for _, test := range []struct {
		claim    Proportion
		count, n int
		want     reports.Outcome
	}{
		{Flag(503, "-", 5).AtLeast(), 500, 4000, reports.Pass},
		{Flag(503, "-", 5).AtLeast(), 200, 4000, reports.Inconclusive}, // just 5 %: less is not excluded
		{Flag(503, "-", 5).AtLeast(), 0, 4000, reports.Fail},
		{Flag(503, "-", 5).AtLeast(), 0, 0, reports.Inconclusive},
		{Flag(503, "-", 5).AtLeast(), 10, 10, reports.Inconclusive}, // too few, whatever they say
		{Flag(503, "-", 5).AtMost(), 50, 4000, reports.Pass},
		{Flag(503, "-", 5).AtMost(), 200, 4000, reports.Inconclusive},
		{Flag(503, "-", 5).AtMost(), 500, 4000, reports.Fail},
		{Flag(503, "-", 5).AtMost(), 0, 0, reports.Inconclusive},
	} {
		v := test.claim.Check(failing(test.count, test.n))
		if v.Outcome != test.want || (v.Why == "") != (test.want == reports.Pass) {
			t.Errorf("%s, with %d of %d: got %s (%s), want %s", test.claim, test.count, test.n, v.Outcome, v.Why, test.want)
		}
	}
	for _, e := range []Proportion{Share("v2", 0).AtLeast(), Share("v2", 100).AtMost()} {
		if err := e.Validate(); err == nil {
			t.Errorf("%s: got no error, want one", e)
		}
	}
}

// With Need requests, a share of twice (or half) as much passes in 99 % of cases, and one that is just beyond the bound hardly ever.
func TestBoundsHoldWhatTheyPromise(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(3, 4))}
	for _, percent := range []float64{1, 5, 30} {
		for claim, shares := range map[Proportion][2]float64{
			Flag(503, "-", percent).AtLeast(): {2 * percent, percent * 0.999},
			Flag(503, "-", percent).AtMost():  {percent / 2, percent * 1.001},
		} {
			t.Run(fmt.Sprint(claim), func(t *testing.T) {
				const runs = 2000
				n, good, wrong := claim.Need(), 0, 0
				passes := map[int]bool{} // of a binomial's counts, few are drawn often
				pass := func(count int) bool {
					if _, known := passes[count]; !known {
						passes[count] = claim.Check(failing(count, n)).Outcome == reports.Pass
					}
					return passes[count]
				}
				for range runs {
					if pass(d.binomial(n, shares[0]/100)) {
						good++
					}
					if pass(d.binomial(n, shares[1]/100)) {
						wrong++
					}
				}
				if missed := runs - good; missed > often(runs, 1-Power) {
					t.Errorf("a share of %g %%: %d of %d did not pass", shares[0], missed, runs)
				}
				if wrong > often(runs, FalseAlarm) {
					t.Errorf("a share of %g %%: %d of %d passed", shares[1], wrong, runs)
				}
			})
		}
	}
}

func TestAlarm(t *testing.T) {
	bad := &analysis.Detection{Decision: trace.Decision{Bad: true}, FirstBad: time.Second, After: 3 * time.Second, BadOnes: 4, Answers: 9}
	good := &analysis.Detection{Decision: trace.Decision{}, After: 3 * time.Second, Answers: 9}
	hasty := &analysis.Detection{Decision: trace.Decision{Bad: true}, After: 3 * time.Second, Answers: 9}
	for _, test := range []struct {
		claim Alarm
		seen  *analysis.Detection
		want  reports.Outcome
		why   string
	}{
		{TakenBackWithin(5 * time.Second), bad, reports.Pass, ""},
		{TakenBackWithin(time.Second), bad, reports.Fail, "it took 2s"},
		{TakenBackWithin(5 * time.Second), good, reports.Fail, "the other way"},
		{TakenBackWithin(5 * time.Second), hasty, reports.Fail, "false alarm"},
		{TakenBackWithin(5 * time.Second), nil, reports.Inconclusive, "nothing was decided"},
		{LetOn(), good, reports.Pass, ""},
		{LetOn(), bad, reports.Fail, "the other way"},
		{LetOn(), nil, reports.Inconclusive, "nothing was decided"},
	} {
		v := test.claim.Check(analysis.Observation{Detection: test.seen})
		if v.Outcome != test.want || !strings.Contains(v.Why, test.why) {
			t.Errorf("%s: got %s (%s), want %s (%s)", test.claim, v.Outcome, v.Why, test.want, test.why)
		}
	}
}

func TestLingering(t *testing.T) {
	recovered := analysis.Rollback{Resolution: time.Millisecond, High: 200 * time.Millisecond, Chance: 1e-9}
	slow, quick, unsure := recovered, recovered, recovered
	slow.Drain, quick.Drain = 2*time.Second, 100*time.Millisecond
	unsure.Drain, unsure.Chance = 2*time.Second, 0.5
	for _, test := range []struct {
		seen *analysis.Rollback
		want reports.Outcome
	}{{&slow, reports.Pass}, {&quick, reports.Fail}, {&unsure, reports.Inconclusive}, {&analysis.Rollback{}, reports.Inconclusive}, {nil, reports.Inconclusive}} {
		if v := LingersFor(time.Second).Check(analysis.Observation{Rollback: test.seen}); v.Outcome != test.want {
			t.Errorf("%+v: got %s (%s), want %s", test.seen, v.Outcome, v.Why, test.want)
		}
		opposite := map[reports.Outcome]reports.Outcome{reports.Pass: reports.Fail, reports.Fail: reports.Pass, reports.Inconclusive: reports.Inconclusive}[test.want]
		if test.seen == &unsure {
			opposite = reports.Fail // that it took longer is certain
		}
		if v := DrainedWithin(time.Second).Check(analysis.Observation{Rollback: test.seen}); v.Outcome != opposite {
			t.Errorf("%+v, drained: got %s (%s), want %s", test.seen, v.Outcome, v.Why, opposite)
		}
	}
}

func TestThroughput(t *testing.T) {
	phase := func(n int, took time.Duration) analysis.Observation {
		c := counts(map[string]int{"v1": 900, "v2": n})
		o := settled(c)
		o.Settled.Start, o.Settled.End = began, began.Add(took)
		return o
	}
	claim := Answers("v2", 10)
	for _, test := range []struct {
		n    int
		took time.Duration
		want reports.Outcome
	}{
		{150, 15 * time.Second, reports.Pass}, {170, 15 * time.Second, reports.Pass}, {130, 15 * time.Second, reports.Pass},
		{171, 15 * time.Second, reports.Fail}, {129, 15 * time.Second, reports.Fail}, {50, 5 * time.Second, reports.Inconclusive},
	} {
		if v := claim.Check(phase(test.n, test.took)); v.Outcome != test.want {
			t.Errorf("%d in %s: got %s (%s), want %s", test.n, test.took, v.Outcome, v.Why, test.want)
		}
	}
	if v := claim.Check(analysis.Observation{}); v.Outcome != reports.Inconclusive {
		t.Errorf("no data: got %s, want inconclusive", v.Outcome)
	}
}
