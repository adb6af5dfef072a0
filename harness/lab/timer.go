package lab

import (
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/cluster"
)

// A timer is a Progress that remembers how long each step took, and passes everything on.
type timer struct {
	next cluster.Progress

	mu    sync.Mutex
	began time.Time
	steps []cluster.Step
}

func newTimer(next cluster.Progress) *timer { return &timer{next: next, began: time.Now()} }

// restart forgets the steps so far and counts from now on.
func (t *timer) restart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began, t.steps = time.Now(), nil
}

// Step implements cluster.Progress.
func (t *timer) Step(name string) func(error) {
	start := time.Now()
	done := cluster.Begin(t.next, name)
	return func(err error) {
		t.mu.Lock()
		if err == nil {
			t.steps = append(t.steps, cluster.Step{Name: name, Start: start.Sub(t.began), Took: time.Since(start)})
		}
		t.mu.Unlock()
		done(err)
	}
}

// Detail implements cluster.Detailer.
func (t *timer) Detail(step, text string) {
	if d, ok := t.next.(cluster.Detailer); ok {
		d.Detail(step, text)
	}
}

// finished returns the steps that ended well, in the order in which they ended, and the whole as the last.
func (t *timer) finished() []cluster.Step {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(append([]cluster.Step(nil), t.steps...), cluster.Step{Name: "all", Took: time.Since(t.began)})
}
