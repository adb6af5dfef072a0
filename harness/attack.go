package harness

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/canarylab/canarylab/loadgen"
)

// attack sends the load, from the pods of each entry that it takes, side by side. It returns what each agent said at its end. The
// handler's functions have to be safe for concurrent use.
func (r *run) attack(ctx context.Context, plan loadgen.Plan, stop <-chan struct{}, h loadgen.Handler) ([]*loadgen.End, error) {
	all := entries(plan)
	ends := make([][]*loadgen.End, len(all))
	err := sideBySide(ctx, stop, len(all), func(ctx context.Context, i int, stop <-chan struct{}) error {
		mine, err := by(plan, all[i])
		if err == nil {
			ends[i], err = r.env.Callers.Attack(ctx, r.scenario.Name, all[i], mine, stop, h)
		}
		return err
	})
	return slices.Concat(ends...), err
}

// sideBySide calls send for 0 to n-1, and returns the first error when all have ended. They are one load: when stop is closed, or as
// soon as one of them ends, the others are told to stop; when one fails, its error's consequences for the others are noise, and ctx ends
// for them.
func sideBySide(ctx context.Context, stop <-chan struct{}, n int, send func(ctx context.Context, i int, stop <-chan struct{}) error) error {
	halt := make(chan struct{})
	end := sync.OnceFunc(func() { close(halt) })
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-stop:
			end()
		case <-done:
		}
	}()
	g, ctx := errgroup.WithContext(ctx)
	for i := range n {
		g.Go(func() error {
			defer end()
			return send(ctx, i, halt)
		})
	}
	return g.Wait()
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
