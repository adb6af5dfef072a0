package sampleapp

import (
	"math"
	"time"
)

// A Distribution is how random delays are spread. All but Uniform have no upper end of their own, and are cut off at 150 s.
type Distribution uint8

// The distributions, by what Faults.Jitter is in them.
const (
	// Uniform delays are spread evenly from 0 to Jitter.
	Uniform Distribution = iota
	// Exponential delays have the mean Jitter: most are short, one in a hundred is longer than 4.6 times the mean.
	Exponential
	// Normal delays are the upper half of a bell curve at 0 with the standard deviation Jitter: one in a hundred is longer
	// than 2.6 times that.
	Normal
)

// distributions are the names, by number.
var distributions = []string{"uniform", "exponential", "normal"}

// delay is the one that a share of u of all delays is below, u being from 0 up to and without 1. One number for one delay keeps
// what comes after it in a random sequence in place, whatever the distribution is.
func (d Distribution) delay(u float64, jitter time.Duration) time.Duration {
	x := u
	switch d {
	case Exponential:
		x = -math.Log1p(-u)
	case Normal:
		x = math.Sqrt2 * math.Erfinv(u)
	}
	// Compared before the conversion, which a huge number would overflow.
	if x *= float64(jitter); x >= float64(maxDelay) {
		return maxDelay
	}
	return time.Duration(x)
}
