package lab

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/progress"
)

// A timer is a Progress that remembers how long each step took, and passes everything on.
type timer struct {
	next progress.Progress

	mu    sync.Mutex
	began time.Time
	steps []progress.Step
}

func newTimer(next progress.Progress) *timer { return &timer{next: next, began: time.Now()} }

// restart forgets the steps so far and counts from now on.
func (t *timer) restart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began, t.steps = time.Now(), nil
}

// Step implements progress.Progress.
func (t *timer) Step(name string) func(error) {
	start := time.Now()
	done := progress.Begin(t.next, name)
	return func(err error) {
		t.mu.Lock()
		if err == nil {
			t.steps = append(t.steps, progress.Step{Name: name, Start: start.Sub(t.began), Took: time.Since(start)})
		}
		t.mu.Unlock()
		done(err)
	}
}

// do calls f as a step.
func (t *timer) do(name string, f func() error) error {
	done := t.Step(name)
	err := f()
	done(err)
	return err
}

// Detail implements progress.Detailer.
func (t *timer) Detail(step, text string) { progress.Detail(t.next, step, text) }

// finished returns the steps that ended well, in the order in which they ended, and the whole as the last.
func (t *timer) finished() []progress.Step {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append(slices.Clip(t.steps), progress.Step{Name: "all", Took: time.Since(t.began)})
}

// stepsFile lies beside the cluster's kubeconfig.
const stepsFile = "bring-up.json"

// rememberSteps keeps the steps of a bring-up, so that a report made on the running cluster later can show them. On a
// cluster that was found running it reads them back instead.
func (l *Lab) rememberSteps() error {
	file := filepath.Join(filepath.Dir(l.cluster.Kubeconfig()), stepsFile)
	if !l.cluster.Reused() {
		return cluster.WriteState(file, l.steps)
	}
	steps, err := cluster.ReadState[[]progress.Step](file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	l.steps = steps
	return nil
}
