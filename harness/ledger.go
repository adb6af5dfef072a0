package harness

import (
	"time"

	"github.com/canarylab/canarylab/sampleapp"
)

// A ledger keeps what the sample app's pods counted since the load began. Pods come and go, and with them their counters:
// of a pod that is gone, what it last said counts.
type ledger struct {
	pods map[instance]*account
}

// An instance is one life of a pod's container: a restart begins a new count.
type instance struct {
	pod   string
	since time.Time
}

type account struct {
	version string
	// base is what was received before the load; last is the newest reading.
	base, last uint64
}

// open forgets everything and takes what was received so far as the beginning.
func (l *ledger) open(all []sampleapp.Counters) {
	l.pods = map[instance]*account{}
	for _, c := range all {
		l.pods[instance{c.Pod, c.Since}] = &account{version: c.Version, base: c.Received, last: c.Received}
	}
}

// read takes a newer reading. A pod that was not there before started from 0.
func (l *ledger) read(all []sampleapp.Counters) {
	for _, c := range all {
		key := instance{c.Pod, c.Since}
		a, ok := l.pods[key]
		if !ok {
			a = &account{version: c.Version}
			l.pods[key] = a
		}
		a.last = max(a.last, c.Received)
	}
}

// received sums up by version. The map is the caller's to keep.
func (l *ledger) received() map[string]uint64 {
	sum := map[string]uint64{}
	for _, a := range l.pods {
		sum[a.version] += a.last - a.base
	}
	return sum
}
