package accesslog

import (
	"sync"
	"time"
)

// A Stream is the start or the end of a stream from one of a proxy's workers. Envoy has one for each worker and logger.
type Stream struct {
	// Proxy is the pod. Log is the name that its logger was configured with.
	Proxy string    `json:"proxy"`
	Log   string    `json:"log"`
	At    time.Time `json:"at"`
	// Open is false for the end. Why says why the stream ended, as far as that is known.
	Open bool   `json:"open"`
	Why  string `json:"why,omitempty"`
}

// An item is what a reader gets. Exactly one field is set.
type item struct {
	Entry  *Entry  `json:"e,omitempty"`
	Stream *Stream `json:"stream,omitempty"`
}

// A ring keeps the newest items within a number of bytes, numbered from 1 in the order of their arrival.
type ring struct {
	max int

	mu    sync.Mutex
	items [][]byte
	// first is the number of items[0].
	first uint64
	bytes int
	// more is closed and replaced when items are added.
	more chan struct{}
}

func newRing(bytes int) *ring { return &ring{max: bytes, first: 1, more: make(chan struct{})} }

// add appends items and drops the oldest ones over max.
func (r *ring) add(all []item) error {
	// All share one piece of memory, which is free once the last of them is dropped.
	var text []byte
	ends := make([]int, len(all))
	for i, it := range all {
		var err error
		if text, err = it.encode(text); err != nil {
			return err
		}
		ends[i] = len(text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	from := 0
	for _, end := range ends {
		r.items = append(r.items, text[from:end:end])
		from = end
	}
	r.bytes += len(text)
	drop := 0
	for r.bytes > r.max && drop < len(r.items) {
		r.bytes -= len(r.items[drop])
		r.items[drop] = nil
		drop++
	}
	r.items = r.items[drop:]
	r.first += uint64(drop)
	close(r.more)
	r.more = make(chan struct{})
	return nil
}

// from returns up to n items from number at on, the number of the first of them, which is above at if older
// ones are gone, and a channel that is closed when more items are added.
func (r *ring) from(at uint64, n int) (items [][]byte, first uint64, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first = max(at, r.first)
	skip := first - r.first
	if skip >= uint64(len(r.items)) {
		return nil, first, r.more
	}
	items = r.items[skip:]
	if len(items) > n {
		items = items[:n]
	}
	// The ring only appends to and cuts its slice. The slots that it clears are those before first.
	return append([][]byte(nil), items...), first, r.more
}
