//go:build !linux

package loadgen

import "time"

// An alarm waits for a moment, or until it is stopped. It is less even here than on Linux, which the agent is made for.
type alarm struct{ stop <-chan struct{} }

func newAlarm(stop <-chan struct{}) (*alarm, error) { return &alarm{stop: stop}, nil }

// interrupt does nothing, because closing stop ended the wait.
func (a *alarm) interrupt() {}

func (a *alarm) close() error { return nil }

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
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.stop:
		return false
	}
}
