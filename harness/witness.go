package harness

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// A cut is the stream of one proxy's access log that ended.
type cut struct {
	proxy, why string
	at         time.Time
}

// observe begins to write down what the witnesses of the namespace tell, until stop is called, which waits for them.
func (r *run) observe(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	follow := func(what string, f func() error) {
		all.Go(func() {
			if err := f(); err != nil && ctx.Err() == nil {
				r.note("%s could not be followed: %v", what, err)
			}
		})
	}
	follow("The pods", func() error { return r.lab.Witnesses.Pods(ctx, r.scenario.Name, r.hear) })
	follow("istiod's log", func() error { return r.lab.Witnesses.ControlPlane(ctx, r.scenario.Name, r.controlPlane) })
	all.Go(func() { r.watchClock(ctx) })
	return func() {
		cancel()
		all.Wait()
	}
}

// hear takes news of a pod.
func (r *run) hear(n podNews) {
	r.mu.Lock()
	known := r.roster.left(n.Pod.Name)
	pod := r.roster.hear(n)
	moving := r.moving
	r.mu.Unlock()
	r.rec.pods([]trace.Pod{pod})
	if n.Trouble != "" {
		r.trouble(n.Trouble)
	}
	if (n.Leaving || n.Gone) && !known && !moving {
		r.trouble(fmt.Sprintf("pod %s was taken away, and not by a step of the scenario", pod.Name))
	}
}

// trouble writes down what happened to the lab that no step of the scenario calls for.
func (r *run) trouble(text string) { r.troubleAt(time.Now(), text) }

func (r *run) troubleAt(at time.Time, text string) {
	r.rec.event(trace.Event{At: at, Kind: trace.Trouble, Phase: r.phaseAt(at), Text: text})
}

// controlPlane takes an event from istiod, which does not know about phases.
func (r *run) controlPlane(e trace.Event) {
	r.mu.Lock()
	away := r.down
	r.mu.Unlock()
	if e.Phase = r.phaseAt(e.At); e.Phase == "" && e.Kind != trace.Trouble || e.Kind == trace.Trouble && away {
		// Of the deployment, or what a step did.
		return
	}
	r.rec.event(e)
}

// changing says that a phase's change begins.
func (r *run) changing(phase string, at time.Time, workloads bool) {
	r.mu.Lock()
	r.changes = append(r.changes, changing{phase, at})
	r.moving = workloads
	r.mu.Unlock()
	r.rec.changing()
}

// phaseAt is the phase whose change was the last at a moment, empty before the first.
func (r *run) phaseAt(at time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	phase := ""
	for _, c := range r.changes {
		if !at.Before(c.since) {
			phase = c.phase
		}
	}
	return phase
}

// logCut takes the end of a proxy's log stream. Whether it is trouble shows when it is known whether the proxy's pod ended
// then too.
func (r *run) logCut(proxy string, at time.Time, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cuts = append(r.cuts, cut{proxy, why, at})
}

// judgeCuts writes down the log streams that ended although their pods did not.
func (r *run) judgeCuts() {
	r.mu.Lock()
	var odd []cut
	for _, c := range r.cuts {
		if !r.roster.left(c.proxy) {
			odd = append(odd, c)
		}
	}
	r.mu.Unlock()
	for _, c := range odd {
		r.troubleAt(c.at, fmt.Sprintf("the access log stream of %s was cut: %s", c.proxy, c.why))
	}
}

// leaving names the app's pods that were told to end and have not said their last.
func (r *run) leaving() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roster.leaving()
}

// watchClock writes down when the wall clock moves against the monotonic one: times by the one and the other, and so of
// different processes, are then apart.
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
			r.rec.event(trace.Event{At: now, Kind: trace.ClockStep, Phase: r.phaseAt(now), By: step})
			off = moved
		}
	}
}

// show tells whoever watches how the load fares, until ctx ends.
func (r *run) show(ctx context.Context) {
	detailer, ok := r.options.Progress.(cluster.Detailer)
	if !ok {
		return
	}
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			r.mu.Lock()
			at := r.at
			r.mu.Unlock()
			detailer.Detail(at, r.rec.read(now))
		}
	}
}
