package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A proportion claims that a share of the requests has a property.
type proportion struct {
	property property
	percent  float64
	// bound is 1 where the claim is of percent or more, -1 where it is of percent or less, 0 where it is of percent.
	bound int
	// foreseen is what share a claim of a bound expects, 0 where it does not say.
	foreseen float64
	// singly tells of a bound that each request is drawn by itself.
	singly bool
	cohort string
}

// A property is what a request can have, such as an answer of some version. Its String says so for people.
type property interface {
	fmt.Stringer
	// kind is the Kind of verdicts on claims of the property.
	kind() string
	// subject is the property's key among Counts.
	subject() string
	// count returns how many requests have the property, and how many others may have it, as nobody knows.
	count(c analysis.Counts) (count, unknown int)
	// doubt says why nobody knows it of some requests.
	doubt() string
	// lacks says what has to be named, and is not. It is empty where all is.
	lacks() string
	// request is a sort of request that has the property. If it has a version, the property is about that one.
	request() request
	// adds tells that a request has at most one property of the kind, so that their shares add up.
	adds() bool
	// describe writes the property into a record.
	describe(r *Record)
	// moved tells of a failure that the load can have caused whether it gave the request the property, or may have kept
	// it from having it.
	moved(f analysis.Failure) (gave, kept bool)
	// spared tells that fewer failures by a lighter load change the share that a claim of percent is about.
	spared(percent float64) bool
}

// AtLeast makes it a claim of that share or more, for what nobody can foretell to the percent, such as how much
// an overloaded service refuses. It passes if what was seen contradicts every smaller share, and fails if it
// contradicts every greater one. What share is expected is for Foreseen to say: the nearer it is to the bound, the
// more requests the claim needs.
func (p proportion) AtLeast() proportion {
	p.bound = 1
	return p
}

// AtMost makes it a claim of that share or less, the other way around.
func (p proportion) AtMost() proportion {
	p.bound = -1
	return p
}

// Foreseen says what share a claim of a bound expects, in percent. The phase then goes on until such a share passes
// with probability Power. Without it the claim expects twice the bound, or half of it for AtMost.
func (p proportion) Foreseen(percent float64) proportion {
	p.foreseen = percent
	return p
}

// DrawnSingly says of a bound that what each request meets is drawn for it by itself, as by the weights of a route, or
// by kube-proxy where each request has a connection of its own. Then a load agent that is late can't change the share,
// and does not void the claim. An exact share is always drawn so.
func (p proportion) DrawnSingly() proportion {
	p.singly = true
	return p
}

// Of limits the claim to the requests of one cohort.
func (p proportion) Of(cohort string) proportion {
	p.cohort = cohort
	return p
}

// Cohort implements Expectation.
func (p proportion) Cohort() string { return p.cohort }

// Need implements Expectation: see Margin, Power and Stray. A claim of a bound needs so many that the share that it
// foresees passes with probability Power.
func (p proportion) Need() int {
	if p.bound != 0 {
		return bounded(p.percent/100, p.expected(), p.bound)
	}
	return requests(p.percent)
}

// expected is the share that a claim of a bound foresees, as a fraction of 1. Where twice the bound is more than
// all, the middle between the bound and all takes its place.
func (p proportion) expected() float64 {
	share := p.percent / 100
	switch {
	case p.foreseen != 0:
		return p.foreseen / 100
	case p.bound < 0:
		return share / 2
	}
	return min(2*share, (1+share)/2)
}

// String implements Expectation.
func (p proportion) String() string {
	amount := amountOf(p.percent)
	switch {
	case p.percent == 0:
	case p.bound > 0:
		amount = "at least " + amount
	case p.bound < 0:
		amount = "at most " + amount
	}
	return fmt.Sprintf("%s of %s %s", amount, whose(p.cohort), p.property)
}

// amount is the percentage as a number.
func (p proportion) amount() string { return exactly(p.percent) }

// Check implements Expectation.
func (p proportion) Check(o analysis.Observation) reports.Verdict {
	counts := o.Settled.Of(p.cohort)
	n := counts.Requests
	subject := p.property.subject()
	count, unknown := p.property.count(counts)
	seen := analysis.NewShare(count, n)
	low, high := Region(n, p.percent/100)
	v := reports.Verdict{Kind: p.property.kind(), Want: p.String(), Saw: seen.String(), Claim: &reports.Claim{
		Cohort: p.cohort, Subject: subject, Percent: p.percent, Seen: seen, Low: low, High: high,
	}}
	if p.bound != 0 {
		return p.checkBound(v, o, unknown)
	}
	moved, known := counts.Dispersion[subject]
	if known && moved.Moved() {
		// What follows from a binomial distribution is not to be said of it.
		v.Saw = fmt.Sprintf("%s of %s (%s %% on the whole, and it moved)",
			format.Number(count), format.Number(n), format.Percent(seen.Percent))
	}
	why, few := tooFew(o, n, p.Need())
	switch {
	case n > 0 && (count > high || count+unknown < low):
		return fails(v, p.contradiction(n, low, high))
	case few:
		return unsure(v, why)
	case count < low || count+unknown > high:
		const unlogged = "the access log has no entry for %s requests %s"
		return unsure(v, fmt.Sprintf(unlogged, format.Number(unknown), p.property.doubt()))
	case known && moved.Moved():
		const restless = "the share did not keep still: its ups and downs have a chi-square of %.0f with %d " +
			"degrees of freedom, which chance gives once in %.1g cases"
		return unsure(v, fmt.Sprintf(restless, moved.ChiSquare, moved.Degrees, 1/max(moved.P, 1e-300)))
	}
	return passes(v)
}

// checkBound judges a claim of a bound. Whether the share kept still does not matter to it.
func (p proportion) checkBound(v reports.Verdict, o analysis.Observation, unknown int) reports.Verdict {
	c := v.Claim
	n, count, low, high := c.Seen.Of, c.Seen.Count, c.Low, c.High
	c.Bound = reports.AtLeast
	c.Low, c.High = high+1, n
	// The counts that contradict the claim, and the word for the shares that its truth excludes.
	contradicts, other := count+unknown < low, "less"
	if p.bound < 0 {
		c.Bound = reports.AtMost
		c.Low, c.High = 0, low-1
		contradicts, other = count > high, "more"
	}
	why, few := tooFew(o, n, p.Need())
	switch {
	case n > 0 && contradicts:
		return fails(v, p.region(n, low, high))
	case few:
		return unsure(v, why)
	case count < c.Low || count+unknown > c.High:
		return unsure(v, fmt.Sprintf("a share of %s %% or %s is not excluded by so many", p.amount(), other))
	}
	return passes(v)
}

// Validate tells whether the claim makes sense.
func (p proportion) Validate() error {
	switch {
	case p.bound != 0 && (p.percent <= 0 || p.percent >= 100):
		return fmt.Errorf("%q: a bound lies between 0 and 100 percent", p)
	case !(p.percent >= 0 && p.percent <= 100): // not a number is neither
		return fmt.Errorf("%q: a share is from 0 to 100 percent", p)
	case p.foreseen != 0 && !p.foresees():
		return fmt.Errorf("%q: a share of %g %% is foreseen, which would not pass, or hardly", p, p.foreseen)
	case p.property.lacks() != "":
		return fmt.Errorf("%q: name %s", p, p.property.lacks())
	}
	return nil
}

// leastRoom is how far from the bound a share has to be foreseen, in percentage points: a nearer one takes more
// requests than a run sends.
const leastRoom = 0.1

// foresees tells whether the share that is foreseen is on the side of the bound that passes.
func (p proportion) foresees() bool {
	return p.bound > 0 && p.foreseen >= p.percent+leastRoom && p.foreseen <= 100 ||
		p.bound < 0 && p.foreseen <= p.percent-leastRoom && p.foreseen > 0
}

// offByHalf halves a share. A share that is half of the one that is foreseen is to a bound below what the foreseen
// one is to twice the bound.
func (p proportion) offByHalf() (half Expectation, ok bool) {
	off := p
	switch {
	case p.percent == 0 || p.bound < 0:
		return nil, false
	case p.bound > 0:
		off.percent, off.foreseen = min(2*p.percent, (p.percent+100)/2), 0
	default:
		off.percent = p.percent / 2
	}
	return off, true
}

// contradiction says what the claim would have allowed.
func (p proportion) contradiction(n, low, high int) string {
	switch {
	case p.percent <= 0:
		return "not one was allowed"
	case p.percent >= 100:
		return "every one was wanted"
	}
	return p.region(n, low, high)
}

// region says which counts the claim allows.
func (p proportion) region(n, low, high int) string {
	return allowed(p.amount(), low, high, n, "requests")
}

func (p proportion) about() string { return p.property.request().version }

func (p proportion) present() (request, bool) { return p.property.request(), p.percent > 0 }

// least is how many requests have the property at least if the claim passes, which takes Need of them.
func (p proportion) least() int {
	low, high := Region(p.Need(), p.percent/100)
	switch {
	case p.bound > 0:
		return high + 1
	case p.bound < 0:
		return 0
	}
	return low
}

func (p proportion) portion() (percent float64, of whole, ok bool) {
	return p.percent, whole{p.property.kind(), p.cohort}, p.property.adds() && p.bound >= 0 && p.Validate() == nil
}

// excludes tells whether no share is both what p and what another proportion of the same property claim.
func (p proportion) excludes(other Expectation) bool {
	q, ok := other.(proportion)
	if !ok || p.cohort != q.cohort || p.property.kind() != q.property.kind() ||
		p.property.subject() != q.property.subject() {
		return false
	}
	switch {
	case p.bound == 0 && q.bound == 0:
		return p.percent != q.percent
	case p.bound >= 0 && q.bound <= 0:
		return p.percent > q.percent
	}
	return false
}

// The share of a version, a status or a flag rests on the agent's being on time unless it is drawn for each request by
// itself, and no failure by the load can have moved the count over an edge of what the claim allows.
//
// A lighter load may spare requests a failure, and give a version more answers. It does not change how many of them the
// configuration fails, nor does it make a version answer that gets none.
func (p proportion) rests(v reports.Verdict, at circumstances) footing {
	return footing{onTime: !p.single() || !p.steady(v, at.Settled.Of(p.cohort)), atRate: p.property.spared(p.percent)}
}

// single tells that each request is drawn by itself. An exact share is: its acceptance region is a binomial's. A bound
// is for what nobody can foretell, which may depend on the load.
func (p proportion) single() bool { return p.bound == 0 || p.singly }

// steady tells whether the verdict were the same if the failures by the load had been none, or others.
func (p proportion) steady(v reports.Verdict, c analysis.Counts) bool {
	low, high := v.Claim.Seen.Count, v.Claim.Seen.Count
	for _, f := range c.Failures {
		if !byLoad(f) {
			continue
		}
		switch gave, kept := p.property.moved(f); {
		case gave:
			low -= f.Count
		case kept:
			high += f.Count
		}
	}
	if v.Outcome == reports.Pass {
		return v.Claim.Low <= low && high <= v.Claim.High
	}
	least, most := Region(v.Claim.Seen.Of, p.percent/100)
	return p.bound <= 0 && low > most || p.bound >= 0 && high < least
}

func (p proportion) record() Record {
	r := Record{
		Kind: p.property.kind(), Percent: p.percent, Bound: p.bound, Foreseen: p.foreseen, Singly: p.singly,
		Cohort: p.cohort,
	}
	p.property.describe(&r)
	return r
}

// as takes from a record what does not depend on the property.
func (p proportion) as(r Record) proportion {
	p.bound, p.foreseen, p.singly, p.cohort = max(min(r.Bound, 1), -1), r.Foreseen, r.Singly, r.Cohort
	return p
}
