package sampleapp

import (
	"container/list"
	"context"
	"sync"
)

// Overflow says what happens to a request while the app processes Faults.Concurrency others.
type Overflow uint8

// The ways to deal with too many requests.
const (
	// Reject answers with 503 at once.
	Reject Overflow = iota
	// Enqueue makes the request wait for its turn, first come, first served.
	Enqueue
)

// overflows has the names, by number.
var overflows = []string{"reject", "queue"}

// A limiter bounds how many requests are processed at once. It also counts them without a limit, so that a
// later limit applies to the requests that are being processed then.
type limiter struct {
	mu       sync.Mutex
	limit    int // 0 is none
	overflow Overflow
	queue    int // 0 is no bound
	active   int
	// waiting has a chan struct{} for each request in the queue, which is closed when the request is admitted.
	// While any request waits, no slot is free.
	waiting list.List
}

// An admission says how a request for a slot ended.
type admission int

const (
	// admitted: the request has a slot, which release gives back.
	admitted admission = iota
	// rejected: there was no slot and no room in the queue.
	rejected
	// canceled: the request gave up waiting.
	canceled
)

// set changes the limit for all requests to come, and admits waiting ones if the limit has room for them.
// Requests that are being processed keep their slots, so a lower limit applies when enough of them are done.
// Requests in the queue stay there, whatever Overflow is now.
func (l *limiter) set(f Faults) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit, l.overflow, l.queue = f.Concurrency, f.Overflow, f.Queue
	l.admit()
}

// free tells whether one more request may be processed.
func (l *limiter) free() bool { return l.limit == 0 || l.active < l.limit }

// admit admits requests from the front of the queue.
func (l *limiter) admit() {
	for front := l.waiting.Front(); front != nil && l.free(); front = l.waiting.Front() {
		l.active++
		close(l.waiting.Remove(front).(chan struct{}))
	}
}

// acquire asks for a slot. If there is a queue, it waits for one until ctx ends.
func (l *limiter) acquire(ctx context.Context) admission {
	l.mu.Lock()
	if l.free() {
		l.active++
		l.mu.Unlock()
		return admitted
	}
	if l.overflow != Enqueue || l.queue > 0 && l.waiting.Len() >= l.queue {
		l.mu.Unlock()
		return rejected
	}
	turn := make(chan struct{})
	place := l.waiting.PushBack(turn)
	l.mu.Unlock()

	select {
	case <-turn:
		return admitted
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-turn:
		// The slot came at the same moment and is no longer needed.
		l.active--
		l.admit()
	default:
		l.waiting.Remove(place)
	}
	return canceled
}

// release gives a slot back.
func (l *limiter) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active--
	l.admit()
}
