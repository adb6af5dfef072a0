package harness

import (
	"context"
	"sync"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// A sampleFeed hands the requests that are sent from a moment on to one reader, in the order in which their
// callers reported them. Whoever writes never waits.
type sampleFeed struct {
	from time.Time
	// news has a message when something came.
	news chan struct{}

	mu      sync.Mutex
	pending []loadgen.Sample
}

func newSampleFeed(from time.Time) *sampleFeed {
	return &sampleFeed{from: from, news: make(chan struct{}, 1)}
}

// add takes what callers reported.
func (f *sampleFeed) add(all []loadgen.Sample) {
	f.mu.Lock()
	for _, s := range all {
		if !s.Sent.Before(f.from) {
			f.pending = append(f.pending, s)
		}
	}
	f.mu.Unlock()
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// next waits for requests, and returns all that there are.
func (f *sampleFeed) next(ctx context.Context) ([]loadgen.Sample, error) {
	for {
		f.mu.Lock()
		all := f.pending
		f.pending = nil
		f.mu.Unlock()
		if len(all) > 0 {
			return all, nil
		}
		select {
		case <-f.news:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
