package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/trace"
)

// SequentialTest decides after each of the canary's answers, by Wald's sequential probability ratio test. (A.
// Wald, "Sequential Tests of Statistical Hypotheses", 1945.) It decides as soon as the data allow, at 5 % of
// the traffic as at 50 %, and holds its error rates although it looks after every request. It takes a share of
// bad answers of Good percent or less for Bad percent at most once in 1/FalseAlarm times, and misses one of Bad
// percent or more at most once in 1/Miss times.
//
// It watches for bad canaries: where the data speak for Good, it begins anew and goes on watching.
type SequentialTest struct {
	// Good and Bad are shares of bad answers in percent: what is usual, and what must not be.
	Good, Bad float64
	// FalseAlarm and Miss are probabilities. Zero means 0.001 and 0.01.
	FalseAlarm, Miss float64
}

// rates are FalseAlarm and Miss with their defaults.
func (t SequentialTest) rates() (alpha, beta float64) {
	return cmp.Or(t.FalseAlarm, 0.001), cmp.Or(t.Miss, 0.01)
}

// String implements Detector.
func (t SequentialTest) String() string {
	alpha, _ := t.rates()
	return fmt.Sprintf("a sequential test of %s %% bad answers against %s %% (false alarms: %s of 1)",
		number(t.Good), number(t.Bad), number(alpha))
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (SequentialTest) asksMetrics() bool { return false }

func (t SequentialTest) check(s Scenario) error {
	alpha, beta := t.rates()
	switch {
	case s.Canary == "":
		return errors.New("the scenario names no canary to watch")
	case !(t.Good > 0 && t.Good < t.Bad && t.Bad <= 100):
		return fmt.Errorf("good %g %% and bad %g %%: want 0 < good < bad <= 100", t.Good, t.Bad)
	case !(alpha > 0 && alpha < 0.5 && beta > 0 && beta < 0.5):
		return fmt.Errorf("probabilities of error %g and %g: want more than 0 and less than 0.5", alpha, beta)
	}
	return nil
}

func (t SequentialTest) decide(
	ctx context.Context, s Scenario, _ environment.Environment, f *sampleFeed,
) (trace.Decision, error) {
	w := t.start()
	for {
		batch, err := f.next(ctx)
		if err != nil {
			return trace.Decision{}, err
		}
		for i := range batch {
			q := &batch[i]
			if q.Version != s.Canary || s.CanaryCohort != "" && q.Cohort != s.CanaryCohort {
				continue
			}
			if w.add(q.Failed()) {
				return trace.Decision{
					By: t.String(), Bad: true, Seen: q.Done,
					Text: fmt.Sprintf("%d of the last %d answers of %s failed", w.bad, w.n, s.Canary),
				}, nil
			}
		}
	}
}

// A walk is the test under way. Its sum is the logarithm of how much likelier the answers so far are with Bad than with
// Good.
type walk struct {
	onBad, onGood, upper, lower float64
	sum                         float64
	// n answers since it began (anew), bad of them bad.
	n, bad int
}

func (t SequentialTest) start() *walk {
	alpha, beta := t.rates()
	p0, p1 := t.Good/100, math.Min(t.Bad/100, 1-1e-9)
	return &walk{
		onBad: math.Log(p1 / p0), onGood: math.Log((1 - p1) / (1 - p0)),
		upper: math.Log((1 - beta) / alpha), lower: math.Log(beta / (1 - alpha)),
	}
}

// add takes an answer, and tells whether it decides for Bad.
func (w *walk) add(bad bool) bool {
	w.n++
	if bad {
		w.bad++
		w.sum += w.onBad
	} else {
		w.sum += w.onGood
	}
	if w.sum <= w.lower {
		w.sum, w.n, w.bad = 0, 0, 0
	}
	return w.sum >= w.upper
}
