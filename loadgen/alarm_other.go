//go:build !linux

package loadgen

import "time"

// An alarm waits for a moment, or until it is stopped. The agent's place is Linux; elsewhere it works, less evenly.
type alarm struct{ stop <-chan struct{} }

func newAlarm(stop <-chan struct{}) (*alarm, error) { return &alarm{stop: stop}, nil }

// interrupt ends a wait that is going on: closing stop did.
func (a *alarm) interrupt() {}

func (a *alarm) close() error { return nil }

// wait tells whether the time came; it did not if the alarm was stopped first.
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
