package loadgen

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// An alarm waits for a moment, or until it is stopped. Go's own timers wake an idle program up to 1 ms late,
// because its epoll_wait counts in milliseconds (runtime/netpoll_epoll.go). At 1000 requests a second that is a
// whole interval. A timerfd is an event of its own for the same epoll_wait, and is late by the kernel's timer
// slack of 50 µs.
type alarm struct {
	// fd is the file's descriptor. File.Fd would return it, but take the file from the poller.
	fd   int
	file *os.File
	stop <-chan struct{}
}

func newAlarm(stop <-chan struct{}) (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer (timerfd_create): %w", err)
	}
	return &alarm{fd: fd, file: os.NewFile(uintptr(fd), "timerfd"), stop: stop}, nil
}

// interrupt ends a wait. The caller has closed stop before.
func (a *alarm) interrupt() {
	// The deadline is long past. An error would mean that the file is closed, and then nobody waits.
	_ = a.file.SetReadDeadline(time.Unix(1, 0))
}

func (a *alarm) close() error { return a.file.Close() }

// wait waits until a moment. It returns false if the alarm was stopped first.
func (a *alarm) wait(until time.Time) bool {
	select {
	case <-a.stop:
		return false
	default:
	}
	left := time.Until(until)
	if left <= 0 {
		return true
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(left.Nanoseconds())}
	if err := unix.TimerfdSettime(a.fd, 0, &spec, nil); err != nil {
		return false
	}
	var expirations [8]byte
	_, err := a.file.Read(expirations[:])
	return err == nil
}
