package loadgen

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// flushEvery is the longest that a sample waits for others to share its line. It is the resolution of what a user
	// sees live; times in samples do not depend on it.
	flushEvery = 50 * time.Millisecond
	// batchSize is when a line is full. At 1000 requests a second a line has about 50 samples.
	batchSize = 256
	// holdFor is how long the reader may stand still, at the plan's rate, before samples are lost: longer than an API
	// server needs to restart.
	holdFor = 30 * time.Second
)

// An outbox takes samples without ever making the giver wait, and writes them as lines.
type outbox struct {
	enc   *json.Encoder
	limit int
	// full wakes the writer before its time, because a batch is complete.
	full chan struct{}
	// closed tells the writer that end is set and nothing more is coming.
	closed chan struct{}
	// overflow is closed when the first sample is lost.
	overflow chan struct{}
	// done gets the writer's outcome.
	done chan error

	mu      sync.Mutex
	waiting []Sample
	health  []Health
	dropped uint64
	end     *End
}

// newOutbox makes an outbox that holds up to limit samples. Its write is to be started.
func newOutbox(w io.Writer, limit int) *outbox {
	o := &outbox{
		enc: json.NewEncoder(w), limit: limit,
		full: make(chan struct{}, 1), closed: make(chan struct{}), overflow: make(chan struct{}), done: make(chan error, 1),
	}
	o.enc.SetEscapeHTML(false)
	return o
}

// add takes one sample.
func (o *outbox) add(s Sample) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) >= o.limit {
		if o.dropped == 0 {
			close(o.overflow)
		}
		o.dropped++
		return
	}
	o.waiting = append(o.waiting, s)
	if len(o.waiting) == batchSize {
		select {
		case o.full <- struct{}{}:
		default:
		}
	}
}

// say takes a word on the agent's health.
func (o *outbox) say(h Health) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.health = append(o.health, h)
}

// close gives the last line. No add may follow.
func (o *outbox) close(e End) {
	o.mu.Lock()
	e.Dropped = o.dropped
	o.end = &e
	o.mu.Unlock()
	close(o.closed)
}

// write runs until close, or until a line can't be written.
func (o *outbox) write() { o.done <- o.writeAll() }

func (o *outbox) writeAll() error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var spare []Sample
	for {
		last := false
		select {
		case <-tick.C:
		case <-o.full:
		case <-o.closed:
			last = true
		}
		o.mu.Lock()
		batch := o.waiting
		o.waiting = spare[:0]
		health := o.health
		o.health = nil
		o.mu.Unlock()
		spare = batch

		for len(batch) > 0 {
			n := min(len(batch), batchSize)
			if err := o.line(line{Samples: batch[:n]}); err != nil {
				return err
			}
			batch = batch[n:]
		}
		for i := range health {
			if err := o.line(line{Health: &health[i]}); err != nil {
				return err
			}
		}
		if last {
			return o.line(line{End: o.end})
		}
	}
}

func (o *outbox) line(l line) error {
	if err := o.enc.Encode(l); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}
