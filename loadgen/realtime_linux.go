package loadgen

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// BeRealTime has all threads of this process run before every ordinary program of the machine: load has to be sent when
// it is due, also while others are busy. They get the class SCHED_RR (sched(7)), which takes CAP_SYS_NICE and, from a
// kernel that divides real time among groups (CONFIG_RT_GROUP_SCHED), a budget of the group. Where the one or the other
// is not there, everything stays as it was.
func BeRealTime() error {
	return setClass(unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 1})
}

// setClass gives all threads a scheduling class. A new thread has that of the one that started it, so that none is left
// once every thread was found to have it.
func setClass(attr unix.SchedAttr) error {
	const dir = "/proc/self/task"
	for changed := true; changed; {
		changed = false
		threads, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return fmt.Errorf("read %s: %w", dir, err)
			}
			is, err := unix.SchedGetAttr(id, 0)
			if err == nil && is.Policy != attr.Policy {
				changed = true
				err = unix.SchedSetAttr(id, &attr, 0)
			}
			if err != nil && !errors.Is(err, unix.ESRCH) { // a thread that has ended needs none
				return fmt.Errorf("set the scheduling class of thread %d: %w", id, err)
			}
		}
	}
	return nil
}

// beOrdinary gives all threads of this process the class of ordinary programs.
func beOrdinary() error { return setClass(unix.SchedAttr{Policy: unix.SCHED_NORMAL}) }

// isRealTime tells whether the calling thread has the class of BeRealTime.
func isRealTime() bool {
	is, err := unix.SchedGetAttr(0, 0)
	return err == nil && is.Policy == unix.SCHED_RR
}
