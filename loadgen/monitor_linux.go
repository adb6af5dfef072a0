package loadgen

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sleep blocks the thread in the kernel. A signal may end it early, which does no harm.
func sleep(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&t, nil)
}

// cpuTime returns the processor time that the process has used so far.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// threadWaits returns how long each thread has been ready to run without running: the second number in
// /proc/self/task/*/schedstat, in ns (https://docs.kernel.org/scheduler/sched-stats.html). It is empty if the
// kernel does not count it.
func threadWaits() map[string]time.Duration {
	const dir = "/proc/self/task"
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	waits := make(map[string]time.Duration, len(threads))
	for _, t := range threads {
		b, err := os.ReadFile(filepath.Join(dir, t.Name(), "schedstat"))
		if err != nil {
			// The thread has ended.
			continue
		}
		fields := strings.Fields(string(b))
		if len(fields) < 2 {
			continue
		}
		if ns, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			waits[t.Name()] = time.Duration(ns)
		}
	}
	return waits
}
