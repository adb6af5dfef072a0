package expect

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// failing is a settled phase in which count of n requests got 503 from the app.
func failing(count, n int) analysis.Observation {
	return settled(counts(
		map[string]int{"v1": n - count}, analysis.Failure{Code: 503, Flag: "-", Version: "v2", Count: count},
	))
}

// A bound passes only if every share on its other side is contradicted.
func TestBounds(t *testing.T) {
	for _, test := range []struct {
		claim    proportion
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
			t.Errorf("%s, with %d of %d: got %s (%s), want %s", test.claim, test.count, test.n, v.Outcome, v.Why,
				test.want)
		}
	}
	for _, e := range []proportion{
		Share("v2", 0).AtLeast(), Share("v2", 100).AtMost(), Share("v2", 5).AtLeast().Foreseen(5),
		Share("v2", 5).AtLeast().Foreseen(101), Share("v2", 5).AtMost().Foreseen(6), Share("v2", 5).Foreseen(6),
	} {
		if err := e.Validate(); err == nil {
			t.Errorf("%s: got no error, want one", e)
		}
	}
}

// With Need requests, the share that is foreseen passes in 99 % of cases, and one that is just beyond the bound hardly
// ever. If nothing is said, twice (or half) as much as the bound is foreseen.
func TestBoundsHoldWhatTheyPromise(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(3, 4))}
	for _, percent := range []float64{1, 5, 30} {
		for claim, shares := range map[proportion][2]float64{
			Flag(503, "-", percent).AtLeast(): {2 * percent, percent * 0.999},
			Flag(503, "-", percent).AtMost():  {percent / 2, percent * 1.001},

			Flag(503, "-", percent).AtLeast().Foreseen(1.4 * percent): {1.4 * percent, percent * 0.999},
			Flag(503, "-", percent).AtMost().Foreseen(0.8 * percent):  {0.8 * percent, percent * 1.001},
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

// What passes a claim, with as many requests as it needs, fails the same claim with half the number.
func TestOffByHalf(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(5, 6))}
	for claim, share := range map[proportion]float64{
		Share("v2", 5): 5, Share("v2", 10): 10, Share("v2", 50): 50, Share("v2", 95): 95, Share("v2", 100): 100,
		Share("v2", 35).AtLeast().Foreseen(41.6): 41.6, Share("v2", 12).AtLeast().Foreseen(16): 16,
	} {
		half, ok := OffByHalf(claim)
		if !ok {
			t.Fatalf("%s: got no number", claim)
		}
		const runs = 1000
		n, missed := claim.Need(), 0
		fails := map[int]bool{} // of a binomial's counts, few are drawn often
		for range runs {
			count := d.binomial(n, share/100)
			if _, known := fails[count]; !known {
				fails[count] = half.Check(split(n-count, count)).Outcome == reports.Fail
			}
			if !fails[count] {
				missed++
			}
		}
		if missed > often(runs, 1-Power) {
			t.Errorf("%s: in %d of %d runs %q did not fail", claim, missed, runs, half)
		}
	}
	for _, e := range []Expectation{NoErrors(), Share("v2", 0), Share("v2", 10).AtMost(), RecoveredWithin(1)} {
		if half, ok := OffByHalf(e); ok {
			t.Errorf("%s: got %s", e, half)
		}
	}
}

func TestClaim(t *testing.T) {
	o := settled(counts(map[string]int{"v1": 1800}, analysis.Failure{Code: 503, Flag: "UF,URX", Count: 200}))
	for subject, p := range map[string]proportion{
		"v1": Share("v1", 90), "503": Status(503, 10), "503 UF,URX": Flag(503, "URX,UF", 10),
	} {
		c := p.Of("beta").Check(o).Claim
		if c == nil || c.Subject != subject || c.Cohort != "beta" || c.Percent != p.percent || c.Seen.Of != 2000 ||
			c.Low >= c.High {
			t.Errorf("got claim %+v, want one about %s of beta", c, subject)
		}
	}
}
