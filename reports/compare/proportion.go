package compare

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/reports/analysis"
)

// A sample is what each run of a side saw of one share: how many requests were of a kind, out of how many.
type sample []tally

type tally struct{ count, of int }

// pooled adds up the runs.
func (s sample) pooled() (t tally) {
	for _, run := range s {
		t.count, t.of = t.count+run.count, t.of+run.of
	}
	return t
}

func (t tally) share() float64 { return float64(t.count) / float64(t.of) }

// A shareDifference compares the share of one kind on two sides. Its interval is made in two steps.
//
// Of one run each it is Newcombe's hybrid: the distance from each share to the end of its own interval makes,
// as the sides of a right triangle, the distance from the difference to the end of its interval. Newcombe took
// Wilson's intervals; here they are the exact ones that the reports show (Clopper-Pearson), which makes it a
// little wider: shares that are equal are told apart no more often than the level says, also far out in the
// tails, where a correction for many comparisons looks. Near a difference of everything, where both shares are
// at an end of their scale, the triangle is too short: above one half, the two sides are added up instead.
//
// Of several runs, the arms are stretched by what the runs of a side differ more than chance lets them: by the
// square root of Pearson's chi-square over its degrees of freedom (1 at least), and by as much as Student's t
// is wider than the normal distribution for those degrees. So few runs make wide intervals, and many runs alike
// make one as if all were one run.
//
// Sources: R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison
// of eleven methods", Statist. Med. 17 (1998) 873-890, method 10; G. Y. Zou and A. Donner, "Construction of
// confidence limits about effect measures: a general approach", Statist. Med. 27 (2008) 1693-1702, for other
// limits than Wilson's; D. A. Williams, "Extra-binomial variation in logistic linear models", Appl. Statist. 31
// (1982) 144-148, for the stretching.
type shareDifference struct{ base, other sample }

// estimate is how much larger the other side's share is, as a fraction of 1.
func (d shareDifference) estimate() float64 {
	return d.other.pooled().share() - d.base.pooled().share()
}

// still tells that neither side can differ: none or all of both sides' requests are of the kind.
func (d shareDifference) still() bool {
	b, o := d.base.pooled(), d.other.pooled()
	return b.count+o.count == 0 || b.count+o.count == b.of+o.of
}

// spread is by how much the variance between runs of the same side exceeds that of chance, 1 at least, and the
// degrees of freedom that this is known with: 0 where each side is one run.
func (d shareDifference) spread() (ratio float64, degrees int) {
	square, informed, all := 0.0, 0, 0
	for _, side := range []sample{d.base, d.other} {
		p := side.pooled().share()
		all += len(side) - 1
		if p == 0 || p == 1 {
			// Runs that are alike because nothing can happen in them say nothing about how alike others are.
			continue
		}
		informed += len(side) - 1
		for _, run := range side {
			off := float64(run.count) - float64(run.of)*p
			square += off * off / (float64(run.of) * p * (1 - p))
		}
	}
	if informed == 0 {
		return 1, all
	}
	return max(square/float64(informed), 1), informed
}

func (d shareDifference) interval(confidence float64) (low, high float64) {
	b, o := d.base.pooled(), d.other.pooled()
	stretch, degrees := d.spread()
	stretch = math.Sqrt(stretch)
	if degrees > 0 {
		q := 1 - (1-confidence)/2
		stretch *= distuv.StudentsT{Sigma: 1, Nu: float64(degrees)}.Quantile(q) / distuv.UnitNormal.Quantile(q)
	}
	join := math.Hypot
	if math.Abs(d.estimate()) > 0.5 {
		join = func(a, b float64) float64 { return a + b }
		// Both intervals hold together as often as the sum of them has to.
		confidence = math.Sqrt(confidence)
	}
	lowB, highB := analysis.IntervalAt(b.count, b.of, confidence)
	lowO, highO := analysis.IntervalAt(o.count, o.of, confidence)
	low = d.estimate() - stretch*join(o.share()-lowO, highB-b.share())
	high = d.estimate() + stretch*join(highO-o.share(), b.share()-lowB)
	return max(low, -1), min(high, 1)
}
