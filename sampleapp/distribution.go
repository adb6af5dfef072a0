package sampleapp

import (
	"math"
	"time"
)

// A Distribution says how random delays are spread. All but Uniform have no upper limit of their own, and are
// cut off at 150 s.
type Distribution uint8

// The distributions, by the meaning of Faults.Jitter in them.
const (
	// Uniform delays are spread evenly from 0 to Jitter.
	Uniform Distribution = iota
	// Exponential delays have the mean Jitter. Most are short, and one in a hundred is longer than 4.6 times the mean.
	Exponential
	// Normal delays are the upper half of a bell curve at 0 with the standard deviation Jitter. One in a
	// hundred is longer than 2.6 times that.
	Normal
)

// distributions has the names, by number.
var distributions = []string{"uniform", "exponential", "normal"}

// delay returns the delay that a share u of all delays is below (0 <= u < 1). It uses one number for one delay,
// so that what follows in a random sequence stays in place, whatever the distribution is.
func (d Distribution) delay(u float64, jitter time.Duration) time.Duration {
	x := u
	switch d {
	case Exponential:
		x = -math.Log1p(-u)
	case Normal:
		x = math.Sqrt2 * math.Erfinv(u)
	}
	// The comparison comes before the conversion, which a huge number would overflow.
	if x *= float64(jitter); x >= float64(maxDelay) {
		return maxDelay
	}
	return time.Duration(x)
}
