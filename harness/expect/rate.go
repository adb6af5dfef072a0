package expect

import (
	"sort"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports/analysis"
)

const (
	// room is how much of what a phase is given a claim may take to be decided. The rest is for the way to the report,
	// and for a machine that is slower than usual.
	room = 0.9
	// sight is the longest time in which requests may fail, while a change is on its way, without being met: no request
	// at all is claimed then, and the load may be so light that it sends none. Between the two pushes of a change that
	// comes in a wrong order lie some tens of milliseconds.
	sight = 20 * time.Millisecond
	// quick is the part of the claimed time of a rollback that the rollback itself may take and still has to pass. By
	// the route it takes 0.06 to 0.16 s, and 1 s is claimed.
	quick = 0.25
)

// An Outlook is what a phase will give a claim to be judged by, at some rate of the load.
type Outlook struct {
	// Rate is that of the claim's cohort, in requests a second. Watch is how long the phase is watched at most.
	Rate  float64
	Watch time.Duration
	// Switches are those that the phase's rollback consists of, none where it does not roll back.
	Switches []Switch
	// Answers is how many answers a second the canary gives to a detector that decides by them, and Decision how many
	// of them it takes, from the first bad one on, in 99 of 100 cases. Decision is 0 for other detectors.
	Answers  float64
	Decision int
}

// A Switch is one of a rollback: of one caller's proxy, and of one of the canary's pods.
type Switch struct {
	// Rate is the caller's, in requests a second, and Share the part of its requests that the switch is about, as a
	// fraction of 1.
	Rate, Share float64
	// Before and After are how many of its requests are seen in the phase before the rollback, and in that of it.
	Before, After int
	// Affected is how many of Before are affected at least, where that does not follow from Share: a detector ends the
	// phase after so many. 0 where it does.
	Affected int
}

// Decidable tells whether a claim that is true passes with probability Power at least, as far as that depends on the
// rate of the load. A claim whose number follows from a rate has to be strong enough too: what is twice as much as it
// allows has to fail it with probability Power.
func Decidable(e Expectation, o Outlook) bool {
	if c, ok := e.(interface{ decidable(o Outlook) bool }); ok && !c.decidable(o) {
		return false
	}
	return float64(e.Need()) <= room*o.Watch.Seconds()*o.Rate
}

// Times is the claim for a load of factor times the rate that e is meant for. A number that follows from the rate, such
// as how many requests a change may cost, is multiplied and rounded down, so that the claim gets no easier. What other
// claims say does not depend on the rate.
func Times(e Expectation, factor float64) Expectation {
	if c, ok := e.(interface {
		times(factor float64) Expectation
	}); ok {
		return c.times(factor)
	}
	return e
}

// closing is how long after its last switch the bracket of a rollback closes, and whether enough requests follow to
// show that it was the last: with probability Power at least, over the number of affected requests before.
func (o Outlook) closing() (closes time.Duration, last bool) {
	last = true
	for _, s := range o.Switches {
		affected := s.Affected
		if affected == 0 {
			affected = quantile(s.Before, s.Share, (1-Power)/float64(len(o.Switches)))
		}
		n, follow := analysis.Closing(affected, s.Before)
		last = last && follow <= s.After
		if seconds := float64(n) / s.Rate; seconds < o.Watch.Seconds() {
			closes = max(closes, time.Duration(seconds*float64(time.Second)))
		} else {
			last = false // it closes after the phase has ended, or never
		}
	}
	return closes, last
}

// quantile is the least count out of n, of probability p each, that is not below the q-quantile.
func quantile(n int, p, q float64) int {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	}
	b := distuv.Binomial{N: float64(n), P: p}
	return sort.Search(n, func(k int) bool { return b.CDF(float64(k)) >= q })
}

// Affects tells which part of whose requests is what a rollback of canary ends, if the claim holds: those that the
// canary answers, or else those that fail. ok is false for a claim that says nothing of that.
func Affects(e Expectation, canary string) (part Part, ok bool) {
	p, is := e.(proportion)
	if !is {
		return part, false
	}
	part = Part{Cohort: p.cohort, Share: p.percent / 100}
	if p.bound != 0 {
		part.Share = p.expected()
	}
	r := p.property.request()
	part.Canary = canary != "" && r.version == canary
	return part, part.Share > 0 && (part.Canary || r.failed)
}

// A Part is a part of a cohort's requests, or of all where Cohort is empty. Canary tells that the canary answers them.
type Part struct {
	Cohort string
	Share  float64
	Canary bool
}
