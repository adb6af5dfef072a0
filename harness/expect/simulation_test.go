package expect

import (
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// draws is a source of binomial counts, by their own quantiles: a simulation of a phase that takes microseconds.
type draws struct{ *rand.Rand }

func (d draws) binomial(n int, p float64) int {
	switch {
	case p <= 0:
		return 0
	case p >= 1:
		return n
	}
	return int(distuv.Binomial{N: float64(n), P: p, Src: d.Rand}.Rand())
}

// often is a count out of n that a probability of p exceeds once in a million times: the tests below fail by
// chance as rarely.
func often(n int, p float64) int {
	b := distuv.Binomial{N: float64(n), P: p}
	k := 0
	for b.CDF(float64(k)) < 1-1e-6 {
		k++
	}
	return k
}

// claims are one of each sort, with the share of the requests that makes it true.
func claims(percent float64) map[string]struct {
	e    Expectation
	make func(n, hits int) analysis.Counts
} {
	type sort = struct {
		e    Expectation
		make func(n, hits int) analysis.Counts
	}
	return map[string]sort{
		"share": {Share("v2", percent), func(n, hits int) analysis.Counts {
			return analysis.Counts{Requests: n, Versions: map[string]int{"v1": n - hits, "v2": hits}}
		}},
		"status": {Status(503, percent), func(n, hits int) analysis.Counts {
			return analysis.Counts{Requests: n, Codes: map[int]int{200: n - hits, 503: hits}}
		}},
		"flag": {Flag(503, "UH", percent), func(n, hits int) analysis.Counts {
			return analysis.Counts{Requests: n, Codes: map[int]int{200: n - hits, 503: hits},
				Failures: []analysis.Failure{{Code: 503, Flag: "UH", Count: hits}}}
		}},
	}
}

// checked remembers verdicts: of a binomial's counts, few are drawn often.
type checked map[[2]int]reports.Verdict

func (c checked) check(e Expectation, n, hits int, made func(n, hits int) analysis.Counts) reports.Verdict {
	v, ok := c[[2]int{n, hits}]
	if !ok {
		v = e.Check(phase(made(n, hits)))
		c[[2]int{n, hits}] = v
	}
	return v
}

func phase(c analysis.Counts) analysis.Observation {
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	return analysis.Observation{
		Start: at, SettledAt: at, End: at.Add(time.Minute),
		Settled: analysis.Window{Start: at, End: at.Add(time.Minute), Total: c},
	}
}

// A true claim fails at most once in 10,000 times, with as many requests as it asks for and with more.
func TestTrueClaimsHold(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(1, 2))}
	for _, percent := range []float64{0, 1, 5, 10, 50, 95, 100} {
		for name, claim := range claims(percent) {
			const runs = 20_000
			failed := 0
			need, seen := claim.e.Need(), checked{}
			for i := range runs {
				n := need * (1 + i%3)
				v := seen.check(claim.e, n, d.binomial(n, percent/100), claim.make)
				switch v.Outcome {
				case reports.Fail:
					failed++
				case reports.Pass:
				default:
					t.Fatalf("%s of %g %%, %d requests: got %s (%s), want an answer", name, percent, n, v.Outcome,
						v.Why)
				}
			}
			if limit := often(runs, FalseAlarm); failed > limit {
				t.Errorf("%s of %g %%: %d of %d true claims failed, want %d at most", name, percent, failed, runs,
					limit)
			}
		}
	}
}

// A share that is off by the Margin is caught nearly always, with as many requests as the claim asks for.
func TestFalseClaimsFail(t *testing.T) {
	d := draws{rand.New(rand.NewPCG(3, 4))}
	for _, percent := range []float64{1, 5, 10, 50, 95} {
		for name, claim := range claims(percent) {
			for _, off := range []float64{-Margin(percent), Margin(percent)} {
				const runs = 2000
				missed := 0
				n, seen := claim.e.Need(), checked{}
				for range runs {
					if seen.check(claim.e, n, d.binomial(n, (percent+off)/100), claim.make).Outcome != reports.Fail {
						missed++
					}
				}
				if limit := often(runs, 1-Power); missed > limit {
					t.Errorf("%s of %g %% that is %g %%: missed %d of %d times, want %d at most", name, percent,
						percent+off, missed, runs, limit)
				}
			}
		}
	}
	// One stray request in a hundred is enough against a claim of none.
	const runs = 20_000
	missed := 0
	n, seen := NoErrors().Need(), checked{}
	for range runs {
		v := seen.check(NoErrors(), n, d.binomial(n, Stray), func(n, hits int) analysis.Counts {
			return analysis.Counts{Requests: n, Failed: analysis.NewShare(hits, n), Codes: map[int]int{
				200: n - hits, 503: hits,
			},
				Failures: []analysis.Failure{{Code: 503, Flag: "UH", Count: hits}}}
		})
		if v.Outcome != reports.Fail {
			missed++
		}
	}
	if limit := often(runs, FalseAlarm); missed > limit {
		t.Errorf("no errors, with 1 %% of them: missed %d of %d times, want %d at most", missed, runs, limit)
	}
}

// A share that moved is not judged by its mean.
func TestAShareThatMovedIsInconclusive(t *testing.T) {
	e := Share("v2", 10)
	n := e.Need()
	c := analysis.Counts{Requests: n, Versions: map[string]int{"v1": n - n/10, "v2": n / 10}}
	if v := e.Check(phase(c)); v.Outcome != reports.Pass {
		t.Fatalf("got %s (%s), want pass", v.Outcome, v.Why)
	}
	c.Dispersion = map[string]analysis.Dispersion{"v2": {ChiSquare: 20, Degrees: 10, P: 0.03}}
	if v := e.Check(phase(c)); v.Outcome != reports.Pass {
		t.Errorf("ups and downs of chance: got %s (%s), want pass", v.Outcome, v.Why)
	}
	c.Dispersion["v2"] = analysis.Dispersion{ChiSquare: 90, Degrees: 10, P: 1e-14}
	if v := e.Check(phase(c)); v.Outcome != reports.Inconclusive || v.Why == "" {
		t.Errorf("a share that moved: got %s (%s), want inconclusive", v.Outcome, v.Why)
	}
	c.Versions["v2"], c.Versions["v1"] = n/2, n-n/2
	if v := e.Check(phase(c)); v.Outcome != reports.Fail {
		t.Errorf("a share that moved and is wrong: got %s (%s), want fail", v.Outcome, v.Why)
	}
}
