// Package bitset has a set of numbers whose memory follows from how many numbers are in it, and not from how large they
// are.
package bitset

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
)

// A Set is a set of numbers. Its zero value is empty. Numbers in a row take a bit each, others up to a word.
type Set struct {
	// words has the bits of 64 numbers in a row each.
	words map[uint64]uint64
	count int
}

// Set adds n and tells whether it was there before.
func (s *Set) Set(n uint64) (was bool) {
	word, bit := n/64, uint64(1)<<(n%64)
	if s.words[word]&bit != 0 {
		return true
	}
	if s.words == nil {
		s.words = map[uint64]uint64{}
	}
	s.words[word] |= bit
	s.count++
	return false
}

// Has tells whether n is in the set.
func (s *Set) Has(n uint64) bool { return s.words[n/64]&(1<<(n%64)) != 0 }

// Len is how many numbers are in the set.
func (s *Set) Len() int { return s.count }

// Gaps returns the ranges of numbers from first to last that are not in the set, in rising order, each by its first and
// its last number. It takes as long as there are numbers in the set, however far apart first and last are.
func (s *Set) Gaps(first, last uint64) iter.Seq2[uint64, uint64] {
	return func(yield func(from, to uint64) bool) {
		if first > last {
			return
		}
		next := first // the least number that may be missing
		for _, word := range slices.Sorted(maps.Keys(s.words)) {
			for set := s.words[word]; set != 0; set &= set - 1 {
				n := word*64 + uint64(bits.TrailingZeros64(set))
				if n < next {
					continue
				}
				if n > last {
					break
				}
				if n > next && !yield(next, n-1) {
					return
				}
				if n == last {
					return
				}
				next = n + 1
			}
		}
		yield(next, last)
	}
}
