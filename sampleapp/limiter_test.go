package sampleapp

import (
	"context"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A crowd asks a limiter for slots, and remembers the results in their order.
type crowd struct {
	l       *limiter
	mu      sync.Mutex
	in, out []int
}

// ask makes request n ask for a slot, and waits until it has one, is rejected or waits in the queue.
func (c *crowd) ask(ctx context.Context, n int) {
	go func() {
		got := c.l.acquire(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		if got == admitted {
			c.in = append(c.in, n)
		} else {
			c.out = append(c.out, n)
		}
	}()
	synctest.Wait()
}

// want compares everything that can be seen.
func (c *crowd) want(t *testing.T, what string, held, waiting int, in, out []int) {
	t.Helper()
	synctest.Wait()
	if c.l.active != held || c.l.waiting.Len() != waiting || !slices.Equal(c.in, in) || !slices.Equal(c.out, out) {
		t.Fatalf("%s: got %d held, %d waiting, in %v, out %v; want %d, %d, %v, %v", what, c.l.active, c.l.waiting.Len(),
			c.in, c.out, held, waiting, in, out)
	}
}

func TestLimiterRejects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{l: &limiter{}}
		for n := range 3 {
			c.ask(t.Context(), n)
		}
		c.want(t, "no limit", 3, 0, []int{0, 1, 2}, nil)
		// A limit counts the requests that are already processed.
		c.l.set(Faults{Concurrency: 2})
		c.l.release()
		c.ask(t.Context(), 3)
		c.want(t, "two of two", 2, 0, []int{0, 1, 2}, []int{3})
		c.l.release()
		c.ask(t.Context(), 4)
		c.ask(t.Context(), 5)
		c.want(t, "one came free", 2, 0, []int{0, 1, 2, 4}, []int{3, 5})
	})
}

func TestLimiterQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{l: &limiter{}}
		c.l.set(Faults{Concurrency: 1, Overflow: Enqueue, Queue: 4})
		c.ask(t.Context(), 0)
		ctx, leave := context.WithCancel(t.Context())
		c.ask(t.Context(), 1)
		c.ask(ctx, 2)
		c.ask(t.Context(), 3)
		c.ask(t.Context(), 4)
		c.ask(t.Context(), 5)
		c.want(t, "a full queue", 1, 4, []int{0}, []int{5})
		leave()
		c.want(t, "one left the queue", 1, 3, []int{0}, []int{5, 2})
		c.l.release()
		c.want(t, "the first in the queue", 1, 2, []int{0, 1}, []int{5, 2})

		// A higher limit admits as many as it has room for, and a lower one takes no slot away.
		c.l.set(Faults{Concurrency: 2, Overflow: Enqueue})
		c.want(t, "one more slot", 2, 1, []int{0, 1, 3}, []int{5, 2})
		c.l.set(Faults{Concurrency: 1})
		c.ask(t.Context(), 6)
		c.want(t, "a lower limit", 2, 1, []int{0, 1, 3}, []int{5, 2, 6})
		c.l.release()
		c.want(t, "one released, one over the limit", 1, 1, []int{0, 1, 3}, []int{5, 2, 6})
		c.l.release()
		c.want(t, "the last in the queue", 1, 0, []int{0, 1, 3, 4}, []int{5, 2, 6})

		c.l.set(Faults{Concurrency: 1, Overflow: Enqueue})
		c.ask(t.Context(), 7)
		c.l.set(Faults{})
		c.want(t, "no limit any more", 2, 0, []int{0, 1, 3, 4, 7}, []int{5, 2, 6})
	})
}

// Whatever changes meanwhile, no slot is lost and none is given twice.
func TestLimiterKeepsItsSlots(t *testing.T) {
	l := &limiter{}
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(caller)))
			for range 500 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(200))*time.Microsecond)
				if l.acquire(ctx) == admitted {
					l.release()
				}
				cancel()
				if rng.IntN(10) == 0 {
					l.set(Faults{Concurrency: rng.IntN(4), Overflow: Overflow(rng.IntN(2)), Queue: rng.IntN(3)})
				}
			}
		})
	}
	wg.Wait()
	if l.active != 0 || l.waiting.Len() != 0 {
		t.Fatalf("all is done: got %d slots held and %d waiting, want none", l.active, l.waiting.Len())
	}
	l.set(Faults{Concurrency: 2})
	for n, want := range []admission{admitted, admitted, rejected} {
		if got := l.acquire(t.Context()); got != want {
			t.Errorf("request %d of a limit of 2: got %d, want %d", n+1, got, want)
		}
	}
}

// A request has its slot for its whole time, latency included. The app itself answers those over the limit.
func TestConcurrencyOverHTTP(t *testing.T) {
	for _, tc := range []struct {
		name   string
		faults Faults
		// took has the times of five concurrent requests, in the order of their ends.
		codes []int
		took  []time.Duration
	}{
		{
			"reject", Faults{Latency: time.Second, Concurrency: 2}, []int{503, 503, 503, 200, 200},
			[]time.Duration{0, 0, 0, 1, 1},
		},
		{
			"queue", Faults{Latency: time.Second, Concurrency: 2, Overflow: Enqueue}, []int{200, 200, 200, 200, 200},
			[]time.Duration{1, 1, 2, 2, 3},
		},
		{
			"bounded queue", Faults{Latency: time.Second, Concurrency: 2, Overflow: Enqueue, Queue: 1},
			[]int{503, 503, 200, 200, 200}, []time.Duration{0, 0, 1, 1, 2},
		},
		{
			"stream", Faults{Stream: time.Second, Concurrency: 2, Overflow: Enqueue}, []int{200, 200, 200, 200, 200},
			[]time.Duration{1, 1, 2, 2, 3},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := New(Config{Version: "v1", Pod: "p", Faults: tc.faults})
			begin := time.Now()
			var mu sync.Mutex
			var codes []int
			var took []time.Duration
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() {
					w := httptest.NewRecorder()
					a.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
					mu.Lock()
					defer mu.Unlock()
					codes, took = append(codes, w.Code), append(took, time.Since(begin)/time.Second)
					if w.Header().Get(VersionHeader) != "v1" || w.Header().Get(SerialHeader) == "" {
						t.Errorf("%s: got %d with %v, want the usual headers", tc.name, w.Code, w.Header())
					}
				})
			}
			wg.Wait()
			if !slices.Equal(codes, tc.codes) || !slices.Equal(took, tc.took) {
				t.Errorf("%s: got %v after %d s, want %v after %d s", tc.name, codes, took, tc.codes, tc.took)
			}
			c := a.Counters()
			if got := c.Answered["200"] + c.Answered["503"]; got != 5 || c.Received != 5 || c.InFlight != 0 ||
				a.injector.limiter.active != 0 {
				t.Errorf("%s: got %+v, %d slots held, want five answers and no slot", tc.name, c,
					a.injector.limiter.active)
			}
		})
	}
}

func TestQueueEndsWhenTheClientLeaves(t *testing.T) {
	a, app, _, _, _ := serve(t, Config{Version: "v1", Pod: "p", ShutdownTimeout: time.Second,
		Faults: Faults{Latency: time.Minute, Concurrency: 1, Overflow: Enqueue}})
	call := func(ctx context.Context) { go func() { _, _ = request(ctx, app, "") }() }
	call(t.Context())
	waitFor(t, "the slot taken", func() bool { return a.Counters().InFlight == 1 })
	ctx, leave := context.WithCancel(t.Context())
	call(ctx)
	waitFor(t, "the queue", func() bool {
		a.injector.limiter.mu.Lock()
		defer a.injector.limiter.mu.Unlock()
		return a.injector.limiter.waiting.Len() == 1
	})
	leave()
	waitFor(t, "the queue empty", func() bool { c := a.Counters(); return c.Abandoned == 1 && c.InFlight == 1 })
}
