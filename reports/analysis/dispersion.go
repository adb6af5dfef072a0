package analysis

import (
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Dispersion tells whether a share kept still over a window, or moved more than chance explains: then its
// requests were no draws of one share, and a binomial interval around it means nothing.
type Dispersion struct {
	// ChiSquare is the sum, over time bins, of the squared distance of the count from what the window's own share makes
	// expected, over its variance. Degrees is the number of bins less one.
	ChiSquare float64 `json:"chiSquare"`
	Degrees   int     `json:"degrees"`
	// P is the probability that chance alone gives as much or more.
	P float64 `json:"p"`
}

// movedBy is the chance below which a share counts as having moved. It is half of what an expectation may fail
// by chance; the other half is that of the binomial region that it is held against.
const movedBy = 0.5e-4

// Moved tells that the share did not keep still: chance explains what was seen in less than one of 20,000 cases.
func (d Dispersion) Moved() bool { return d.P < movedBy }

const (
	// firstBin is the width of a bin before any is merged.
	firstBin = 10 * time.Millisecond
	// maxBins bounds the memory for a window of any length: beyond it, neighbors are merged.
	maxBins = 2048
	// minExpected is how many requests of the kind, and of other kinds, a bin has to have by expectation. The
	// usual rule is 5 (W. G. Cochran, "The chi-square test of goodness of fit", Ann. Math. Statist. 23 (1952)
	// 315-345); that is for a test at 5 %, and this one has to hold at one in 10,000.
	minExpected = 25
	// leastBins is the number of bins without which there is nothing to compare.
	leastBins = 4
)

// bins counts a window's requests over time, and how many of them were of each kind.
type bins struct {
	start time.Time
	width time.Duration
	all   []int32
	kinds map[string][]int32
	// memory pays for what they grow by.
	memory *budget
}

func newBins(start time.Time, memory *budget) *bins {
	return &bins{start: start, width: firstBin, kinds: map[string][]int32{}, memory: memory}
}

// add counts a request that was sent at a moment and is of some kinds.
func (b *bins) add(at time.Time, kinds ...string) {
	i := int(max(at.Sub(b.start), 0) / b.width)
	for i >= maxBins {
		b.fold()
		i = int(at.Sub(b.start) / b.width)
	}
	b.all = b.grow(b.all, i)
	b.all[i]++
	for _, k := range kinds {
		s, known := b.kinds[k]
		if !known {
			b.memory.take(len(k) + mapEntry)
		}
		s = b.grow(s, i)
		s[i]++
		b.kinds[k] = s
	}
}

// grow makes s have an element i.
func (b *bins) grow(s []int32, i int) []int32 {
	before := cap(s)
	s = append(s, make([]int32, max(i+1-len(s), 0))...)
	b.memory.take(4 * (cap(s) - before))
	return s
}

// fold merges each two neighbors.
func (b *bins) fold() {
	half := func(s []int32) []int32 {
		out := make([]int32, (len(s)+1)/2)
		for i, n := range s {
			out[i/2] += n
		}
		return out
	}
	b.width *= 2
	b.all = half(b.all)
	for k, s := range b.kinds {
		b.kinds[k] = half(s)
	}
}

// dispersion tests whether the share of a kind kept still. It is not ok where the kind has all requests or
// none, or too few of them.
func (b *bins) dispersion(kind string) (d Dispersion, ok bool) {
	series := b.kinds[kind]
	hits, all := addUp(series), addUp(b.all)
	if hits == 0 || hits == all {
		return d, false
	}
	p := float64(hits) / float64(all)
	need := minExpected / min(p, 1-p)
	// Neighbors are merged until each bin is large enough. What is left at the end joins the last.
	type bin struct{ n, k int }
	var merged []bin
	var open bin
	for i, n := range b.all {
		open.n += int(n)
		if i < len(series) {
			open.k += int(series[i])
		}
		if float64(open.n) >= need {
			merged = append(merged, open)
			open = bin{}
		}
	}
	if len(merged) < leastBins {
		return d, false
	}
	last := &merged[len(merged)-1]
	last.n, last.k = last.n+open.n, last.k+open.k
	for _, m := range merged {
		off := float64(m.k) - float64(m.n)*p
		d.ChiSquare += off * off / (float64(m.n) * p * (1 - p))
	}
	d.Degrees = len(merged) - 1
	d.P = distuv.ChiSquared{K: float64(d.Degrees)}.Survival(d.ChiSquare)
	return d, true
}
