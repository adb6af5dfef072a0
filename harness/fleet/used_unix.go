//go:build unix

package fleet

import (
	"time"

	"golang.org/x/sys/unix"
)

// used is what this process has taken of processors.
func used() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
