// Package bitset has a set of numbers that takes one bit for each up to the greatest.
package bitset

// Max is the greatest number that a set takes: above every number of a real run, as that of 20,000 requests a
// second for more than a day.
const Max = 1 << 31

// A Set is a set of numbers from 0 to Max. Its zero value is empty.
type Set struct {
	words []uint64
	count int
}

// Set adds n and tells whether it was there before. What is greater than Max takes no memory and counts as that.
func (s *Set) Set(n uint64) (was bool) {
	if n > Max {
		return true
	}
	word, bit := n/64, uint64(1)<<(n%64)
	if grown := int(word) + 1 - len(s.words); grown > 0 {
		s.words = append(s.words, make([]uint64, grown)...)
	}
	if s.words[word]&bit != 0 {
		return true
	}
	s.words[word] |= bit
	s.count++
	return false
}

// Has tells whether n is in the set.
func (s *Set) Has(n uint64) bool {
	word := n / 64
	return word < uint64(len(s.words)) && s.words[word]&(1<<(n%64)) != 0
}

// Len is how many numbers are in the set.
func (s *Set) Len() int { return s.count }
