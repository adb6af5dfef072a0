package loadgen

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// flushEvery is how long a sample waits for others in its frame, at most. It is the resolution of what a
	// user sees live. The times in samples do not depend on it. Where the lab has no socket to the agent's pod, each
	// frame wakes five processes on its way.
	flushEvery = 100 * time.Millisecond
	// batchSize is how many samples fill a frame. At 1000 requests a second a frame has about 100.
	batchSize = 256
	// maxPause is how long the reader may pause at the plan's rate before samples are lost. It is longer than
	// an API server needs to restart.
	maxPause = 30 * time.Second
	// endGrace is how long a reader that does not read may delay the end of a run.
	endGrace = 10 * time.Second
)

// A sampleBuffer takes samples without ever blocking the sender, and writes them as frames.
type sampleBuffer struct {
	enc   *encoder
	limit int
	// full wakes the writer before its time, because a batch is complete.
	full chan struct{}
	// closed tells the writer that end is set and nothing more follows.
	closed chan struct{}
	// overflow is closed when the first sample is lost.
	overflow chan struct{}
	// done gets the writer's error, or nil.
	done chan error

	mu      sync.Mutex
	waiting []Sample
	health  []Health
	stages  []Stage
	dropped uint64
	end     *End
}

// newSampleBuffer makes a sampleBuffer for up to limit samples. The caller starts its write.
func newSampleBuffer(w io.Writer, limit int) *sampleBuffer {
	b := &sampleBuffer{
		enc: newEncoder(w), limit: limit,
		full: make(chan struct{}, 1), closed: make(chan struct{}), overflow: make(chan struct{}),
		done: make(chan error, 1),
	}
	return b
}

// add adds one sample.
func (b *sampleBuffer) add(s Sample) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) >= b.limit {
		if b.dropped == 0 {
			close(b.overflow)
		}
		b.dropped++
		return
	}
	b.waiting = append(b.waiting, s)
	if len(b.waiting) == batchSize {
		select {
		case b.full <- struct{}{}:
		default:
		}
	}
}

// addHealth adds a report on the agent's health.
func (b *sampleBuffer) addHealth(h Health) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.health = append(b.health, h)
}

// addStage adds a change of the rate.
func (b *sampleBuffer) addStage(s Stage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stages = append(b.stages, s)
}

// close adds the end. No add may follow.
func (b *sampleBuffer) close(e End) {
	b.mu.Lock()
	e.Dropped = b.dropped
	b.end = &e
	b.mu.Unlock()
	close(b.closed)
}

// finish adds the end and waits until everything is written.
func (b *sampleBuffer) finish(e End) error {
	b.close(e)
	grace := time.NewTimer(endGrace)
	defer grace.Stop()
	select {
	case err := <-b.done:
		return err
	case <-grace.C:
		return fmt.Errorf("write the results: nobody read them for %s", endGrace)
	}
}

// write runs until close, or until a write fails.
func (b *sampleBuffer) write() { b.done <- b.writeAll() }

func (b *sampleBuffer) writeAll() error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var spare []Sample
	for {
		last := false
		select {
		case <-tick.C:
		case <-b.full:
		case <-b.closed:
			last = true
		}
		b.mu.Lock()
		batch := b.waiting
		b.waiting = spare[:0]
		health, stages := b.health, b.stages
		b.health, b.stages = nil, nil
		b.mu.Unlock()
		spare = batch

		for len(batch) > 0 {
			n := min(len(batch), batchSize)
			if err := b.enc.write(message{Samples: batch[:n]}); err != nil {
				return err
			}
			batch = batch[n:]
		}
		for i := range health {
			if err := b.enc.write(message{Health: &health[i]}); err != nil {
				return err
			}
		}
		for i := range stages {
			if err := b.enc.write(message{Stage: &stages[i]}); err != nil {
				return err
			}
		}
		if last {
			return b.enc.write(message{End: b.end})
		}
	}
}
