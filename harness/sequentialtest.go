package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/canarylab/canarylab/reports/trace"
)

// SequentialTest watches for a bad canary, and looks after each of its answers. It decides as soon as the data
// allow, at 5 % of the traffic as at 50 %.
//
// However long it watches, and however often it looks, a canary with a share of bad answers of Good percent or
// less is called bad with a probability of FalseAlarm at most, once and for all. A canary that was good for a
// while and then has Bad percent is found after some Answers.
//
// It bets against the canary. For each answer k from which the canary may be bad, it keeps a capital that is
// multiplied, from k on, by how much likelier each answer is with Bad than with Good. All capitals together
// begin at 1. As long as the share is Good or less, they grow with no strategy, and by Ville's inequality the
// probability that their sum ever reaches 1/FalseAlarm is FalseAlarm at most. (J. Ville, "Étude critique de la
// notion de collectif", 1939; as a mixture over change points: J. Shin, A. Ramdas, A. Rinaldo, "E-detectors",
// 2023.) A test that begins anew whenever the data speak for Good, as Wald's does in practice, has no such
// bound: it calls every good canary bad in the end.
type SequentialTest struct {
	// Good and Bad are shares of bad answers in percent: what is usual, and what must not be.
	Good, Bad float64
	// FalseAlarm is a probability. Zero means 0.001.
	FalseAlarm float64 `json:",omitzero"`
}

// alarm is FalseAlarm with its default.
func (t SequentialTest) alarm() float64 { return cmp.Or(t.FalseAlarm, 0.001) }

// shares are Good and Bad as fractions of 1. A canary whose answers are all bad is as good as one with all but none.
func (t SequentialTest) shares() (good, bad float64) { return t.Good / 100, min(t.Bad/100, 1-1e-9) }

// String implements Detector.
func (t SequentialTest) String() string {
	return fmt.Sprintf("a sequential test of %s %% bad answers against %s %% (it calls a good canary bad with a "+
		"probability "+
		"of %s at most, however long it watches, and finds %s %% after some %d answers)",
		number(t.Good), number(t.Bad), number(t.alarm()), number(t.Bad), t.Answers(0))
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Answers is after how many answers a canary is found, in the middle, that has Bad percent of bad answers after so many
// answers with Good percent or less: the capital that is put on that moment has to grow to 1/FalseAlarm, and grows by
// the Kullback-Leibler divergence of the two shares with each answer. Simulated medians are up to a quarter lower.
func (t SequentialTest) Answers(after int) int {
	p0, p1 := t.shares()
	growth := p1*math.Log(p1/p0) + (1-p1)*math.Log((1-p1)/(1-p0))
	return int(math.Ceil((math.Log(1/t.alarm()) - math.Log(reserve(after)-reserve(after+1))) / growth))
}

// AnswersWith is after how many answers a canary is found, in the middle, a fraction bad of whose answers is bad from
// the first one on: what Answers is for Bad. It is not found where the capital does not grow at that share.
func (t SequentialTest) AnswersWith(bad float64) (answers int, found bool) {
	p0, p1 := t.shares()
	growth := bad*math.Log(p1/p0) + (1-bad)*math.Log((1-p1)/(1-p0))
	if growth <= 0 {
		return 0, false
	}
	return int(math.Ceil((math.Log(1/t.alarm()) - math.Log(reserve(0)-reserve(1))) / growth)), true
}

func (SequentialTest) asksMetrics() bool { return false }

func (SequentialTest) readsSamples() bool { return true }

func (t SequentialTest) check(s Scenario) error {
	switch alpha := t.alarm(); {
	case s.Canary == "":
		return errors.New("the scenario names no canary to watch")
	case !(t.Good > 0 && t.Good < t.Bad && t.Bad <= 100):
		return fmt.Errorf("good %g %% and bad %g %%: want 0 < good < bad <= 100", t.Good, t.Bad)
	case !(alpha > 0 && alpha < 0.5):
		return fmt.Errorf("probability of a false alarm %g: want more than 0 and less than 0.5", alpha)
	}
	return nil
}

func (t SequentialTest) decide(ctx context.Context, w watched) (trace.Decision, error) {
	b, s := t.start(), w.scenario
	for {
		batch, err := w.feed.next(ctx)
		if err != nil {
			return trace.Decision{}, err
		}
		for i := range batch {
			q := &batch[i]
			if q.Version != s.Canary || s.CanaryCohort != "" && q.Cohort != s.CanaryCohort {
				continue
			}
			if b.add(q.Failed()) {
				return trace.Decision{
					By: t.String(), Bad: true, Seen: q.Done,
					Text: fmt.Sprintf("%d of the last %d answers of %s failed", b.bad, b.last, s.Canary),
				}, nil
			}
		}
	}
}

// simulatedDecisions is how many canaries a forecast of the test is of, longestDecision after how many answers one is
// given up on.
const simulatedDecisions, longestDecision = 2000, 100_000

// foresee is what it takes to find a canary of which a fraction of the answers is bad from the first one on. It is zero
// where one is not found at all.
func (t SequentialTest) foresee(bad float64) decision {
	random := rand.New(rand.NewPCG(1, 2))
	var all, fromBad []int
	for range simulatedDecisions {
		b, first, found := t.start(), 0, false
		for !found && b.n < longestDecision {
			failed := random.Float64() < bad
			if failed && first == 0 {
				first = b.n + 1
			}
			found = b.add(failed)
		}
		if !found {
			return decision{}
		}
		all, fromBad = append(all, b.n), append(fromBad, b.n-first+1)
	}
	slices.Sort(all)
	slices.Sort(fromBad)
	return decision{all[simulatedDecisions/100], fromBad[simulatedDecisions-1-simulatedDecisions/100]}
}

// A bet is the test under way.
type bet struct {
	// onBad and onGood are how much likelier a bad answer and a good one are with Bad than with Good; enough is the
	// capital at which the test decides.
	onBad, onGood, enough float64
	// n counts the answers. capital is what was put on answers up to the last, and what became of it; left is
	// reserve(n).
	n             int
	capital, left float64
	// growth is the logarithm of what a capital of 1 became that was put on the likeliest moment; last and bad
	// count the answers since then.
	growth    float64
	last, bad int
}

func (t SequentialTest) start() *bet {
	p0, p1 := t.shares()
	return &bet{onBad: p1 / p0, onGood: (1 - p1) / (1 - p0), enough: 1 / t.alarm(), left: reserve(0)}
}

// reserve is the part of the capital that is kept for moments after n answers. It falls so slowly that a late moment
// costs little more than an early one: what is put on answer n is about 1/(n ln² n).
func reserve(n int) float64 { return 1 / (1 + math.Log1p(float64(n))) }

// add takes an answer, and tells whether it decides for Bad.
func (b *bet) add(bad bool) bool {
	factor := b.onGood
	if bad {
		factor = b.onBad
	}
	b.n++
	left := reserve(b.n)
	b.capital = (b.capital + b.left - left) * factor
	b.left = left
	if b.growth <= 0 {
		b.growth, b.last, b.bad = 0, 0, 0
	}
	b.growth += math.Log(factor)
	b.last++
	if bad {
		b.bad++
	}
	return b.capital+b.left >= b.enough
}

var _ = detectorKind("sequential-test", SequentialTest{})
