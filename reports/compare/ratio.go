package compare

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// A ratio is by which factor the values of the other side are larger than those of the base, as a logarithm. A
// run is one value: what varies from run to run is all in it, and what the requests of one run have in common
// does no harm. The logarithms are taken as normally distributed, with variances of their own (Welch); where
// one side is a single run, with that of the other side.
//
// Sources: B. L. Welch, "The generalization of 'Student's' problem when several different population variances
// are involved", Biometrika 34 (1947) 28-35; F. E. Satterthwaite, "An approximate distribution of estimates of
// variance components", Biometrics Bulletin 2 (1946) 110-114.
type ratio struct{ difference, err, degrees float64 }

// newRatio takes values above 0. It is not ok for fewer than three, and for those that do not vary.
func newRatio(base, other []float64) (r ratio, ok bool) {
	if len(base)+len(other) < 3 || len(base) == 0 || len(other) == 0 {
		return r, false
	}
	meanB, varB, nB := logs(base)
	meanO, varO, nO := logs(other)
	r.difference = meanO - meanB
	switch {
	case nB == 1:
		r.err, r.degrees = math.Sqrt(varO*(1+1/nO)), nO-1
	case nO == 1:
		r.err, r.degrees = math.Sqrt(varB*(1+1/nB)), nB-1
	default:
		b, o := varB/nB, varO/nO
		r.err = math.Sqrt(b + o)
		r.degrees = nB + nO - 2
		if b+o > 0 {
			r.degrees = (b + o) * (b + o) / (b*b/(nB-1) + o*o/(nO-1))
		}
	}
	return r, r.err > 0
}

// logs are mean, variance and number of the values' logarithms.
func logs(values []float64) (mean, variance, n float64) {
	all := make([]float64, len(values))
	for i, v := range values {
		all[i] = math.Log(v)
	}
	if len(all) == 1 {
		return all[0], 0, 1
	}
	mean, variance = stat.MeanVariance(all, nil)
	return mean, variance, float64(len(all))
}

// factor is the estimate.
func (r ratio) factor() float64 { return math.Exp(r.difference) }

func (r ratio) interval(confidence float64) (low, high float64) {
	arm := r.err * distuv.StudentsT{Sigma: 1, Nu: r.degrees}.Quantile(1-(1-confidence)/2)
	return r.difference - arm, r.difference + arm
}
