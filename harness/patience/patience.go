// Package patience stretches the bounds of waits where a machine is slow for a reason that is known: one that is
// emulated, or a runner that shares its processors with many others. The bounds themselves stay where they are used.
package patience

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Variable names the environment variable with the factor, such as 20 for a machine that is emulated in software. It is
// read when the program starts.
const Variable = "CANARYLAB_PATIENCE"

// Most is the largest factor: the emulation of a machine was 20 times slower than the machine.
const Most = 100

var factor, errFactor = parse(os.Getenv(Variable))

// parse reads a factor. It is 1 where none is set, and where what is set is wrong.
func parse(s string) (float64, error) {
	if s == "" {
		return 1, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(1 <= f && f <= Most) {
		return 1, fmt.Errorf("%s=%s is no factor: set it to a number from 1 to %d, or unset it", Variable, s, Most)
	}
	return f, nil
}

// Of returns how long to wait at most for what takes no longer than d on two cores that are not too busy. It is for
// bounds alone: what is measured, and how often a fact is looked at, takes no factor.
func Of(d time.Duration) time.Duration { return time.Duration(factor * float64(d)) }

// Asked tells whether a factor was set, so that what else would mean that something is broken may be a slow machine.
func Asked() bool { return factor > 1 }

// Few returns how many of n things are done at once: fewer where the machine is slow, so that none of them runs into a
// bound that is somebody else's, such as the API server's own.
func Few(n int) int { return max(2, int(float64(n)/factor)) }

// Err returns what is wrong with what Variable is set to.
func Err() error { return errFactor }
