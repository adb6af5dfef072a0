package sampleapp

import (
	"strconv"
	"sync/atomic"
	"time"
)

// Counters is what one pod did since it started. When no request is in flight, Received is the sum of all
// Answered, Abandoned, Closed and Reset. It counts the app port only.
type Counters struct {
	Version string `json:"version"`
	Pod     string `json:"pod"`
	// Instance identifies this run of the pod's container. A restart begins a new one, with new counters.
	Instance string `json:"instance"`
	// Received counts every request whose header arrived.
	Received uint64 `json:"received"`
	// InFlight is how many of them have no answer yet.
	InFlight int64 `json:"inFlight"`
	// Answered counts by status code, such as "200". A request is counted before the first byte of its answer
	// leaves, so a client that has the answer finds it counted.
	Answered map[string]uint64 `json:"answered"`
	// Abandoned counts the requests whose client left before the answer was due.
	Abandoned uint64 `json:"abandoned"`
	// Closed and Reset count the requests that Faults.CloseRate and Faults.ResetRate left without an answer.
	Closed uint64    `json:"closed"`
	Reset  uint64    `json:"reset"`
	Since  time.Time `json:"since"`
}

// codes is one more than the highest status that the app can answer with.
const codes = 600

type counters struct {
	instance  string
	since     time.Time
	received  atomic.Uint64
	inFlight  atomic.Int64
	answered  [codes]atomic.Uint64
	abandoned atomic.Uint64
	closed    atomic.Uint64
	reset     atomic.Uint64
}

func (c *counters) snapshot(version, pod string) Counters {
	s := Counters{
		Version: version, Pod: pod, Instance: c.instance, Since: c.since, Answered: map[string]uint64{},
		Abandoned: c.abandoned.Load(), Closed: c.closed.Load(), Reset: c.reset.Load(), InFlight: c.inFlight.Load(),
	}
	for code := range c.answered {
		if n := c.answered[code].Load(); n > 0 {
			s.Answered[strconv.Itoa(code)] = n
		}
	}
	// Received comes last, so that a snapshot under load never shows more answers than requests.
	s.Received = c.received.Load()
	return s
}
