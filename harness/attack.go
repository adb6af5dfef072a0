package harness

import (
	"context"
	"sync"

	"github.com/canarylab/canarylab/loadgen"
)

// attack sends the load, from the pod of each entry that it takes, side by side. Where one agent fails, all are let go. It
// returns what each said at its end. The handler's functions have to be safe for concurrent use.
func (r *run) attack(ctx context.Context, plan loadgen.Plan, stop <-chan struct{}, h loadgen.Handler) ([]*loadgen.End, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Where one agent ends before its time, the others are told to.
	halt := make(chan struct{})
	var halting sync.Once
	end := func() { halting.Do(func() { close(halt) }) }
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-stop:
			end()
		case <-done:
		}
	}()

	all := entries(plan)
	ends := make([]*loadgen.End, len(all))
	var wg sync.WaitGroup
	var first sync.Once
	var broke error
	for i, e := range all {
		wg.Go(func() {
			defer end()
			mine, err := by(plan, e)
			if err == nil {
				ends[i], err = r.lab.Callers.Attack(ctx, r.scenario.Name, e, mine, halt, h)
			}
			if err != nil {
				// What follows for the others is noise.
				first.Do(func() { broke = err })
				cancel()
			}
		})
	}
	wg.Wait()
	return ends, broke
}

// byItself says why a load ended that nobody had stopped.
func byItself(ends []*loadgen.End) loadgen.Why {
	for _, e := range ends {
		if e != nil && e.Why != loadgen.Stopped {
			return e.Why
		}
	}
	return loadgen.Stopped
}
