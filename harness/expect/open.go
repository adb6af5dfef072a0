package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// Open claims that of a cohort's TCP connections that are open when the phase's change has arrived everywhere, percent
// are version's. Each was dealt out when it was made, by the route of that time; Share is about those that are made
// while the phase is settled.
func Open(cohort, version string, percent float64) open {
	return open{cohort, version, percent, false}
}

// AtLeast makes the claim a bound: that many percent, or more.
func (o open) AtLeast() open {
	o.atLeast = true
	return o
}

type open struct {
	cohort, version string
	percent         float64
	atLeast         bool
}

// Cohort implements Expectation.
func (o open) Cohort() string { return o.cohort }

// Need implements Expectation. The connections are those of before.
func (open) Need() int { return 0 }

// String implements Expectation.
func (o open) String() string {
	return fmt.Sprintf("%s of the open connections of %s are to %s", o.amount(), o.cohort, o.version)
}

func (o open) amount() string {
	if o.atLeast {
		return "at least " + amountOf(o.percent)
	}
	return amountOf(o.percent)
}

// Validate tells whether the claim makes sense.
func (o open) Validate() error {
	if o.cohort == "" || o.version == "" || !(o.percent >= 0 && o.percent <= 100) {
		return fmt.Errorf("%q: name a cohort, a version, and a share from 0 to 100 percent", o)
	}
	return nil
}

// Requires tells that the cohort has to hold TCP connections open.
func (open) Requires() Requirement { return Requirement{Held: true} }

// Check implements Expectation.
func (o open) Check(seen analysis.Observation) reports.Verdict {
	all := 0
	for _, one := range seen.Open[o.cohort] {
		all += one.Connections
	}
	return o.judge("open", o.String(), seen, seen.Open[o.cohort][o.version].Connections, all)
}

// judge holds k of n connections against the share.
func (o open) judge(kind, want string, seen analysis.Observation, k, n int) reports.Verdict {
	low, high := Region(n, o.percent/100)
	v := reports.Verdict{Kind: kind, Want: want, Saw: analysis.NewShare(k, n).String()}
	// As AttemptStatus, it tells half of its share from all of it.
	why, few := tooFewOf(seen, "connections are too few", n, attemptStatus{percent: o.percent}.least())
	if o.atLeast && k > high {
		return passes(v) // every smaller share is excluded
	}
	switch {
	case n > 0 && (k < low || k > high):
		return fails(v, allowed(exactly(o.percent), low, high, n, "connections"))
	case few:
		return unsure(v, why)
	case o.atLeast:
		return unsure(v, "a smaller share is not excluded")
	}
	return passes(v)
}

func (o open) offByHalf() (half Expectation, ok bool) {
	if o.atLeast {
		o.percent *= 2
		return o, o.percent > 0 && o.percent <= 100
	}
	o.percent /= 2
	return o, o.percent > 0
}

// Which version a connection gets is drawn by itself, whenever it is made.
func (open) rests(reports.Verdict, circumstances) footing { return footing{} }

func (o open) record() Record {
	r := Record{Kind: "open", Cohort: o.cohort, Version: o.version, Percent: o.percent}
	if o.atLeast {
		r.Bound = 1
	}
	return r
}

var _ = recorded("open", func(r Record) Expectation {
	return open{r.Cohort, r.Version, r.Percent, r.Bound > 0}
})
