// Package fleetbench measures how long a rollback takes to reach the proxies of a fleet, and has a model of it.
package fleetbench

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// A Point is how long it took under some conditions until the last proxy had a rollback: the median of repetitions.
type Point struct {
	Proxies, Services int
	// Processors are those that istiod may use.
	Processors int
	Last       time.Duration
}

// A Model is the time from the API server's answer to a rollback's write until the last proxy has it:
//
//	Wait + Services × PerService + Proxies × (PerProxy + Services × PerPair) / Processors
//
// Wait is mostly istiod's for more changes (PILOT_DEBOUNCE_AFTER). It works out the mesh anew once for all proxies,
// which is PerService, on one processor, and then answers each proxy with the routes of all Services, on as many as it
// has.
type Model struct{ Wait, PerService, PerProxy, PerPair time.Duration }

// terms are what the coefficients are multiplied by, in the order of the fields.
func (p Point) terms() []float64 {
	proxies := float64(p.Proxies) / float64(p.Processors)
	return []float64{1, float64(p.Services), proxies, proxies * float64(p.Services)}
}

// At returns the model's time for a point, whose Last does not matter.
func (m Model) At(p Point) time.Duration {
	var sum float64
	for i, c := range []time.Duration{m.Wait, m.PerService, m.PerProxy, m.PerPair} {
		sum += p.terms()[i] * float64(c)
	}
	return time.Duration(sum)
}

// String is the model as a formula, with P, S and C for proxies, Services and processors.
func (m Model) String() string {
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return fmt.Sprintf("%.0f ms + %.0f µs × S + P × (%.0f µs + %.3f µs × S) / C",
		m.Wait.Seconds()*1000, micros(m.PerService), micros(m.PerProxy), micros(m.PerPair))
}

// ErrFewPoints is returned for fewer points than a Model has coefficients.
var ErrFewPoints = errors.New("a model takes 4 points at least")

// Fit returns the model with the least squares of its relative errors. No coefficient is negative: one that would be is
// none, and the others are fitted without it.
func Fit(points []Point) (Model, error) {
	terms := []int{0, 1, 2, 3}
	if len(points) < len(terms) {
		return Model{}, ErrFewPoints
	}
	var found [4]time.Duration
	for len(terms) > 0 {
		a, b := mat.NewDense(len(points), len(terms), nil), mat.NewVecDense(len(points), nil)
		for i, p := range points {
			last := float64(p.Last)
			for j, term := range terms {
				a.Set(i, j, p.terms()[term]/last)
			}
			b.SetVec(i, 1)
		}
		var x mat.VecDense
		if err := x.SolveVec(a, b); err != nil {
			return Model{}, fmt.Errorf("fit the model to %d points: %w", len(points), err)
		}
		clear(found[:])
		least := 0
		for j, term := range terms {
			found[term] = time.Duration(x.AtVec(j))
			if x.AtVec(j) < x.AtVec(least) {
				least = j
			}
		}
		if x.AtVec(least) >= 0 {
			break
		}
		found[terms[least]] = 0
		terms = slices.Delete(terms, least, least+1)
	}
	return Model{Wait: found[0], PerService: found[1], PerProxy: found[2], PerPair: found[3]}, nil
}

// A Median is that of repetitions, with its interval.
type Median struct{ Value, Low, High time.Duration }

// String is such as "120 ms (101 to 133)".
func (m Median) String() string {
	ms := func(d time.Duration) int64 { return d.Round(time.Millisecond).Milliseconds() }
	return fmt.Sprintf("%d ms (%d to %d)", ms(m.Value), ms(m.Low), ms(m.High))
}

// confidence is that of Median's interval.
const confidence = 0.95

// MedianOf returns the median of values and its interval by order statistics, whatever they are distributed like: the
// number of values below the true median is binomial with a share of a half. Of fewer than 6 values the interval is
// from the least to the most, which is less sure than 95 %.
func MedianOf(values []time.Duration) Median {
	if len(values) == 0 {
		return Median{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	b := distuv.Binomial{N: float64(n), P: 0.5}
	outside := 0 // so many of the least, and of the most, are left out
	for b.CDF(float64(outside)) <= (1-confidence)/2 {
		outside++
	}
	outside = max(outside-1, 0)
	return Median{
		Value: (sorted[(n-1)/2] + sorted[n/2]) / 2, Low: sorted[outside], High: sorted[n-1-outside],
	}
}
