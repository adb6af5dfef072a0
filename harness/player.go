package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

// phases plays the phases, once the load has begun.
func (r *run) phases(ctx context.Context) error {
	late := fmt.Errorf("the load agent did not begin within %s", beginWithin)
	begin, cancel := context.WithTimeoutCause(ctx, beginWithin, late)
	defer cancel()
	if err := r.rec.waitFor(begin, func() bool { return !r.rec.start().IsZero() }); err != nil {
		return err
	}
	at := r.rec.start()
	// Several agents begin together, at a moment that lies ahead.
	select {
	case <-time.After(time.Until(at)):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.rec.event(trace.Event{At: at, Kind: trace.LoadStart})
	if r.options.Pace != nil {
		return r.paced(ctx, at)
	}
	for i, p := range r.scenario.Phases {
		step := fmt.Sprintf("phase %d of %d: %s", i+1, len(r.scenario.Phases), p.Name)
		err := r.do(ctx, step, func(ctx context.Context) (err error) {
			if at, _, err = (&phasePlayer{run: r, phase: p, index: i}).play(ctx, at); err != nil {
				return fmt.Errorf("phase %s: %w", p.Name, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A phasePlayer plays one phase of a run.
type phasePlayer struct {
	*run
	phase Phase
	// index is the phase's number among those that the run plays, counted from 0. story is its number in the
	// scenario, for the run's Pace.
	index, story int
	// writing and written are when the phase's change began and was answered.
	writing, written time.Time
}

// now is the moment at which a proof looks.
func (p *phasePlayer) now() moment {
	at := p.at(p.index)
	at.writing, at.written = p.writing, p.written
	return at
}

// record records an event of the phase, with the current time if e.At is zero.
func (p *phasePlayer) record(e trace.Event) {
	e.Phase = p.phase.Name
	if e.At.IsZero() {
		e.At = time.Now()
	}
	p.rec.event(e)
}

// play plays the phase from start on, and returns when it ended: there the next begins, so that no request
// falls between. move is what the run's Pace decided, if there is one.
func (p *phasePlayer) play(ctx context.Context, start time.Time) (end time.Time, move Move, err error) {
	p.record(trace.Event{At: start, Kind: trace.PhaseStart, Text: p.phase.did()})
	decided, stop := p.detect(ctx)
	defer stop()
	next := p.ask(ctx)
	defer next.close()
	settled, err := p.change(ctx, next.until)
	if err == nil && settled {
		reading := time.Now()
		counters := p.received(ctx)
		at := time.Now()
		p.record(trace.Event{At: at, Kind: trace.Settled, Counters: counters, Reading: reading})
		p.rec.watch(at)
	}
	// Whoever works in the namespace may have made it settle never, and goes on.
	if err == nil && (settled || p.phase.othersWrite()) {
		err = p.watch(next.until, decided)
	}
	if err = next.await(err); err != nil {
		return end, move, err
	}
	counters := p.received(ctx)
	if ctx.Err() != nil {
		return end, move, context.Cause(ctx)
	}
	end = time.Now()
	p.record(trace.Event{At: end, Kind: trace.PhaseEnd, Counters: counters})
	return end, next.move, nil
}

// change does the phase's step and waits until it has settled, or until the one context ends. It is not an error if
// that takes too long: then the phase has nothing to be judged by.
func (p *phasePlayer) change(ctx, until context.Context) (settled bool, err error) {
	// The first phase's step was done before the load, so only wait until every proxy has it.
	e := effects{Proxies: true}
	var writing time.Time
	if p.index > 0 {
		if e, writing, err = p.write(ctx); err != nil {
			return false, err
		}
	}
	if e.Proxies {
		if settled, err = p.awaitProxies(until, writing); err != nil || !settled {
			return settled, err
		}
	}
	if e.StartsIstiod {
		p.journal.istiodIsBack()
	}
	return p.awaitFacts(until)
}

// write does the phase's step, and waits until the pods that it makes are ready.
func (p *phasePlayer) write(ctx context.Context) (e effects, writing time.Time, err error) {
	step := p.phase.Do
	if step == nil {
		return e, writing, nil
	}
	e = step.effects(p.scenario)
	within, cancel := context.WithTimeout(ctx, stepWithin)
	defer cancel()
	writing = time.Now()
	moves := e
	moves.Workloads = moves.Workloads || p.phase.othersWrite()
	p.journal.beginChange(p.phase.Name, writing, moves)
	p.rec.changing()
	p.record(trace.Event{At: writing, Kind: trace.Writing, Text: p.phase.did()})
	watched, acceptedAfter := within, func() time.Time { return time.Time{} }
	if p.env.WatchWrite != nil {
		watched, acceptedAfter = p.env.WatchWrite(within)
	}
	if err := step.do(watched, p.at(p.index)); err != nil {
		return e, writing, causeOr(ctx, fmt.Errorf("%s: %w", p.phase.did(), err))
	}
	written := time.Now()
	p.writing, p.written = writing, written
	p.record(trace.Event{
		At: written, Kind: trace.Written, Text: p.phase.did(), AcceptedAfter: acceptedAfter(),
	})
	if e.Workloads {
		err := p.env.Objects.Ready(within, p.scenario.home())
		if err != nil && (ctx.Err() != nil || !p.phase.othersWrite()) {
			return e, writing, causeOr(ctx, err)
		}
	}
	return e, writing, nil
}

// awaitProxies waits until every proxy has the phase's change. writing is when the write began; it is zero for the
// change that was made before the load, and then no proxy's moment is recorded.
func (p *phasePlayer) awaitProxies(ctx context.Context, writing time.Time) (settled bool, err error) {
	settle, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	err = p.env.Proxies.Await(settle, p.scenario.home(), func(s environment.Synced) {
		if writing.IsZero() {
			return
		}
		// Not exact: only endpoints changed, or something went away.
		late := !s.Exact
		if s.At.Before(writing) {
			// There was nothing new for this proxy, or the proxy does not date the change: it is known only that
			// the proxy has the change by now.
			s.At, late = time.Now(), true
		}
		p.record(trace.Event{At: s.At, Kind: trace.Synced, Proxy: s.Proxy, Late: late})
		p.rec.synced(s.At.Sub(writing))
	})
	var rejected environment.Rejection
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case errors.As(err, &rejected):
		p.record(trace.Event{Kind: trace.Rejected, Proxy: rejected.Proxy, Text: rejected.Reason})
		p.journal.note("Phase %s: %v", p.phase.Name, rejected)
	case settle.Err() != nil || p.phase.othersWrite():
		p.journal.note("Phase %s: not every proxy had the change within %s: %v", p.phase.Name, settleWithin, err)
	default:
		return false, err
	}
	return false, nil
}

// awaitFacts waits for the facts that become true some time after the phase's change. It is not an error if that takes
// too long: then the phase has nothing to be judged by.
func (p *phasePlayer) awaitFacts(ctx context.Context) (settled bool, err error) {
	within, cancel := context.WithTimeout(ctx, awaitWithin)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for _, fact := range p.phase.Await {
		v, _ := prove(within, fact, p.now())
		for v.Outcome != reports.Pass {
			select {
			case <-tick.C:
				v, _ = prove(within, fact, p.now())
				continue
			case <-within.Done():
			}
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			const never = "Phase %s: within %s it did not come about that %s: %s"
			p.journal.note(never, p.phase.Name, awaitWithin, fact, v.Saw)
			return false, nil
		}
	}
	return true, nil
}

// causeOr returns what ended ctx, or err if nothing did.
func causeOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// received reads the counters of all pods, and returns what each version received since the load began. It
// returns nil where that failed.
func (r *run) received(ctx context.Context) map[string]uint64 {
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	all, err := r.env.Apps.Counters(ctx, r.scenario.home())
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			r.journal.note("The app's counters could not be read in between: %v", err)
		}
		return nil
	}
	r.pods.read(all)
	return r.pods.received()
}
