package compare

import (
	"math"
	"slices"
	"sort"

	"github.com/aclements/go-moremath/stats"
)

// A shift is by how much the values of the other side are larger than those of the base, without any assumption
// about how they are spread but that both sides are spread alike. It is the median of all differences between a
// value of the one and a value of the other (Hodges and Lehmann); its interval is made of those differences, by
// the exact distribution of Mann and Whitney's U. Too few values have no interval at a high confidence: it is
// open then.
//
// Sources: J. L. Hodges and E. L. Lehmann, "Estimates of location based on rank tests", Ann. Math. Statist. 34
// (1963) 598-611; D. F. Bauer, "Constructing confidence sets using rank statistics", J. Amer. Statist. Assoc.
// 67 (1972) 687-690.
type shift struct {
	base, other []float64
	// blur is how far both sides may be apart for other reasons than what is asked for: the interval is wider by it.
	blur float64
	// differences are all pairs', sorted.
	differences []float64
	// tails keeps what below made: each takes up to a millisecond.
	tails map[int]float64
}

func newShift(base, other []float64, blur float64) *shift {
	s := &shift{base: base, other: other, blur: blur, tails: map[int]float64{}}
	for _, b := range base {
		for _, o := range other {
			s.differences = append(s.differences, o-b)
		}
	}
	slices.Sort(s.differences)
	return s
}

func (s *shift) estimate() float64 {
	n := len(s.differences)
	return (s.differences[(n-1)/2] + s.differences[n/2]) / 2
}

func (s *shift) interval(confidence float64) (low, high float64) {
	// k is the largest rank whose difference has a tail of half of the rest before it. At a confidence near 0
	// both ends meet in the middle.
	tail, n := (1-confidence)/2, len(s.differences)
	k := sort.Search((n+1)/2, func(k int) bool { return s.below(k) > tail })
	if k == 0 {
		return math.Inf(-1), math.Inf(1)
	}
	return s.differences[k-1] - s.blur, s.differences[n-k] + s.blur
}

// below is the probability that U is k or less where both sides are alike.
func (s *shift) below(k int) float64 {
	p, ok := s.tails[k]
	if !ok {
		p = stats.UDist{N1: len(s.base), N2: len(s.other)}.CDF(float64(k))
		s.tails[k] = p
	}
	return p
}

// least is the smallest p that so many values can have.
func (s *shift) least() float64 { return min(2*s.below(0), 1) }
