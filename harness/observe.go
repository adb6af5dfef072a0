package harness

import (
	"context"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/progress"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// observe begins to hand what observers of the namespace tell to the journal. stop ends that and waits for them.
func (r *run) observe(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	follow := func(what string, f func() error) {
		all.Go(func() {
			if err := f(); err != nil && ctx.Err() == nil {
				r.journal.note("%s could not be followed: %v", what, err)
			}
		})
	}
	ns := r.scenario.home()
	follow("The pods", func() error { return r.env.Observers.Pods(ctx, ns, r.journal.onPodEvent) })
	follow("istiod's log", func() error { return r.env.Observers.ControlPlane(ctx, ns, r.journal.onControlPlane) })
	all.Go(func() { r.watchClock(ctx) })
	return func() {
		cancel()
		all.Wait()
	}
}

// watchClock records when the wall clock moves against the monotonic one: times by the one and the other, and
// so those of different processes, are then apart.
func (r *run) watchClock(ctx context.Context) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	begin := time.Now()
	var off time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		// Round(0) takes the monotonic reading away.
		moved := now.Round(0).Sub(begin.Round(0)) - now.Sub(begin)
		if step := moved - off; step.Abs() > analysis.MaxClockStep {
			r.journal.event(trace.Event{At: now, Kind: trace.ClockStep, By: step})
			off = moved
		}
	}
}

// show begins to tell the run's Progress how the load fares. stop ends that.
func (r *run) show() (stop func()) {
	detailer, ok := r.options.Progress.(progress.Detailer)
	if !ok {
		return func() {}
	}
	ended := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		tick := time.NewTicker(readEvery)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case now := <-tick.C:
				detailer.Detail(r.step.Load().(string), r.rec.stats(now))
			}
		}
	})
	return func() {
		close(ended)
		showing.Wait()
	}
}
