package sampleapp

import (
	"container/list"
	"context"
	"sync"
)

// Overflow is what becomes of a request while Faults.Concurrency others are worked on.
type Overflow uint8

// The ways to deal with too many requests.
const (
	// Reject answers with 503 at once.
	Reject Overflow = iota
	// Enqueue has the request wait for its turn, first come, first served.
	Enqueue
)

// overflows are the names, by number.
var overflows = []string{"reject", "queue"}

// A limiter bounds how many requests are worked on at once. It counts them without a limit too, so that one that is set later
// holds for those under way.
type limiter struct {
	mu       sync.Mutex
	limit    int // 0 is none
	overflow Overflow
	queue    int // 0 is no bound
	held     int
	// waiting has a chan struct{} for each request in the queue, closed when the request is let in. While anybody waits,
	// no slot is free.
	waiting list.List
}

// An admission is how asking for a slot ended.
type admission int

const (
	// admitted holds a slot, which release gives back.
	admitted admission = iota
	// rejected found no slot and no room in the queue.
	rejected
	// left gave up waiting.
	left
)

// set changes the limit for all requests to come, and lets those in that it has room for. Requests under way keep their slots,
// so that a lower limit holds once enough of them are done; requests in the queue stay there, whatever Overflow is now.
func (l *limiter) set(f Faults) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit, l.overflow, l.queue = f.Concurrency, f.Overflow, f.Queue
	l.admit()
}

// free tells whether one more request may be worked on.
func (l *limiter) free() bool { return l.limit == 0 || l.held < l.limit }

// admit lets requests in from the front of the queue.
func (l *limiter) admit() {
	for front := l.waiting.Front(); front != nil && l.free(); front = l.waiting.Front() {
		l.held++
		close(l.waiting.Remove(front).(chan struct{}))
	}
}

// acquire asks for a slot, and waits for one where there is a queue and ctx lasts.
func (l *limiter) acquire(ctx context.Context) admission {
	l.mu.Lock()
	if l.free() {
		l.held++
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
		// The slot came in the same moment. It is not wanted any more.
		l.held--
		l.admit()
	default:
		l.waiting.Remove(place)
	}
	return left
}

// release gives a slot back.
func (l *limiter) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held--
	l.admit()
}
