package harness

import (
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// alarms counts the watches, of so many, in which a canary with a share of bad answers is called bad within so many
// answers.
func alarms(rule SequentialTest, seed uint64, watches, answers int, share float64) int {
	random := rand.New(rand.NewPCG(seed, 2))
	n := 0
	for range watches {
		b := rule.start()
		for range answers {
			if b.add(random.Float64() < share) {
				n++
				break
			}
		}
	}
	return n
}

// A canary that has exactly the good share is watched as long as somebody may watch it: 10 hours at 250 answers
// a second. The test that it replaced called it bad after some 99,000 answers.
func TestSequentialTestHoldsForHours(t *testing.T) {
	rule := SequentialTest{Good: 1, Bad: 10}
	if got := alarms(rule, 1, 4, 10*3600*250, 0.01); got > 0 {
		t.Errorf("got %d false alarms in 4 watches of 10 hours, want none: one in 1,000 may have one", got)
	}
}

// False alarms are as rare as the test says, also where that is not so rare, and for a share that is better than good.
func TestSequentialTestHoldsItsFalseAlarms(t *testing.T) {
	const watches, alpha = 4000, 0.05
	rule := SequentialTest{Good: 1, Bad: 10, FalseAlarm: alpha}
	chance := distuv.Binomial{N: watches, P: alpha}
	// most is more often than a true probability of 5 % gives in all but one of 10,000 cases.
	most := int(chance.Mean() + 4*chance.StdDev())
	for _, share := range []float64{0.01, 0.005} {
		got := alarms(rule, 3, watches, 5000, share)
		t.Logf("share %g: %d false alarms in %d watches", share, got, watches)
		if got > most {
			t.Errorf("share %g: got %d false alarms in %d watches, want %d at most", share, got, watches, most)
		}
	}
	if got := alarms(rule, 4, watches, 5000, 0.01); got < watches/1000 {
		t.Errorf("got %d false alarms in %d watches, want some: a test that never decides has none either", got,
			watches)
	}
}

// A bad canary is found as fast as the test promises, after however many good answers, and faster the worse it is.
func TestSequentialTestFindsBadCanaries(t *testing.T) {
	const watches = 300
	rule := SequentialTest{Good: 1, Bad: 10}
	random := rand.New(rand.NewPCG(5, 6))
	median := func(after int, share float64) int {
		var all []int
		for range watches {
			b := rule.start()
			for range after {
				b.add(false)
			}
			n := 1
			for ; !b.add(random.Float64() < share); n++ {
			}
			all = append(all, n)
		}
		slices.Sort(all)
		return all[watches/2]
	}
	for _, after := range []int{0, 100, 10_000, 100_000} {
		promised := rule.Answers(after)
		got := median(after, 0.10)
		t.Logf("after %d good answers: found after %d in the middle, %d promised", after, got, promised)
		if got > promised*11/10 || got < promised/2 {
			t.Errorf("after %d good answers: got %d answers in the middle, want about %d", after, got, promised)
		}
		worse, worst := median(after, 0.30), median(after, 1)
		if got <= worse || worse <= worst {
			t.Errorf("after %d good answers: got %d, %d and %d answers at 10, 30 and 100 %%, want fewer for a worse "+
				"canary",
				after, got, worse, worst)
		}
	}
	b, n := rule.start(), 1
	for ; !b.add(true); n++ {
	}
	// What was put on the first answer, 0.41, has to grow to 1,000 in steps of 10: 3.4 steps.
	if n != 4 {
		t.Errorf("a canary that always fails: got %d answers, want 4", n)
	}
}

// The decision tells of the answers that speak for it, and not of all the good ones before.
func TestSequentialTestSaysWhatItRestsOn(t *testing.T) {
	b := SequentialTest{Good: 1, Bad: 10}.start()
	for range 1000 {
		b.add(false)
	}
	for !b.add(true) {
	}
	if b.bad != b.last || b.bad < 4 || b.bad > 10 {
		t.Errorf("got %d bad of the last %d answers, want only bad ones, and a handful", b.bad, b.last)
	}
}
