// Package bitset has a set of numbers whose memory follows from how many numbers are in it, and not from how large they
// are.
package bitset

import (
	"iter"
	"maps"
	"math"
	"math/bits"
	"slices"
)

// A Set is a set of numbers. Its zero value is empty. The first long row of numbers takes no memory for each of them,
// and other rows a few bits; a number that stands alone takes a word.
type Set struct {
	// words has the bits of 64 numbers in a row each. Those from word from on and below word to are not in it: all of
	// their numbers are in the set.
	words    map[uint64]uint64
	from, to uint64
	count    int
}

// Set adds n and tells whether it was there before.
func (s *Set) Set(n uint64) (was bool) {
	if s.Has(n) {
		return true
	}
	if s.words == nil {
		s.words = map[uint64]uint64{}
	}
	word := n / 64
	s.words[word] |= 1 << (n % 64)
	s.count++
	if s.from == s.to {
		s.from, s.to = word, word
	}
	for ; s.words[s.to] == math.MaxUint64; s.to++ {
		delete(s.words, s.to)
	}
	return false
}

// Has tells whether n is in the set.
func (s *Set) Has(n uint64) bool { return s.word(n/64)&(1<<(n%64)) != 0 }

func (s *Set) word(i uint64) uint64 {
	if s.from <= i && i < s.to {
		return math.MaxUint64
	}
	return s.words[i]
}

// Len is how many numbers are in the set.
func (s *Set) Len() int { return s.count }

// Gaps returns the ranges of numbers from first to last that are not in the set, in rising order, each by its first and
// its last number. It takes as long as there are numbers in the set, however far apart first and last are.
func (s *Set) Gaps(first, last uint64) iter.Seq2[uint64, uint64] {
	return func(yield func(from, to uint64) bool) {
		if first > last {
			return
		}
		// next is the least number that may be missing, more tells that there is one.
		next, more := first, true
		have := func(from, to uint64) {
			if !more || to < next || from > last {
				return
			}
			if from > next {
				more = yield(next, from-1)
			}
			more = more && to < last
			next = to + 1
		}
		words := slices.Collect(maps.Keys(s.words))
		if s.from < s.to {
			words = append(words, s.from)
		}
		slices.Sort(words)
		for _, word := range words {
			if s.from <= word && word < s.to {
				have(s.from*64, s.to*64-1)
				continue
			}
			for set := s.words[word]; set != 0; set &= set - 1 {
				n := word*64 + uint64(bits.TrailingZeros64(set))
				have(n, n)
			}
		}
		if more {
			yield(next, last)
		}
	}
}
