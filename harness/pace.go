package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// A Pace decides which phase a run plays next, and when: a presenter, or whoever else leads a run by hand. Without one
// a run plays its phases in their order, each for as long as it takes.
type Pace interface {
	// Next says what is played after a phase. It is called when that phase begins, and the phase goes on until Next
	// returns: a phase that has all that it takes goes on being watched, and one that lacks some is ended all the same.
	// The first phase is always the scenario's first. Next returns when ctx ends.
	Next(ctx context.Context, at Playing) (Move, error)
}

// Playing is the phase that a run is in.
type Playing struct {
	// Phase is the scenario's, counted from 0. Of a Try it is the one that was played before.
	Phase int
	// Name is what trace and report call it: "canary at 20 %", and "canary at 20 % (2)" when it is played once more.
	Name string
	// Rate is how many requests a second are sent once the phase has begun, and Most how many may be: as many as the
	// machine was found to carry.
	Rate, Most int
	// Ready is closed when the phase has the requests that its claims take, or can't get them any more: its deadline
	// has passed, or its change did not arrive.
	Ready <-chan struct{}
}

// A Move is what a Pace decides.
type Move struct {
	// To is the phase of the scenario that is played next, counted from 0. The one after that which is being played is
	// played by its own step. Any other is played by bringing back the state that the scenario had left after it; then
	// nothing is claimed of the change itself.
	To int
	// Try is played in place of a phase of the scenario: a change that is not the scenario's. What it claims is judged
	// too. Nil for none.
	Try *Phase
	// Finish ends the run. Phases that were never played are left out of the report, which says so.
	Finish bool
}

// errMoved ends what a phase waits for once the run's Pace has decided.
var errMoved = errors.New("what comes next was decided")

// A question is one call of a Pace. The zero one is asked of nobody.
type question struct {
	// until ends, with errMoved as its cause, when the Pace has decided.
	until context.Context
	// ready is to be closed when the phase has what it takes; answered is closed when the Pace has returned.
	ready, answered chan struct{}
	cancel          context.CancelCauseFunc
	// move and err are what the Pace returned.
	move Move
	err  error
}

// ask begins to ask the run's Pace what comes after the phase. Its close must be called.
func (p *phasePlayer) ask(ctx context.Context) *question {
	pace := p.options.Pace
	if pace == nil {
		return &question{until: ctx}
	}
	q := &question{ready: make(chan struct{}), answered: make(chan struct{})}
	q.until, q.cancel = context.WithCancelCause(ctx)
	at := Playing{
		Phase: p.story, Name: p.phase.Name, Rate: p.rateNow(), Most: p.scenario.Rate(), Ready: q.ready,
	}
	go func() {
		defer close(q.answered)
		// The same context ends what the phase waits for and the asking, if that is of no use any more.
		q.move, q.err = pace.Next(q.until, at)
		q.cancel(errMoved)
	}()
	return q
}

// rateNow is how many requests a second are sent once the phase's step is done.
func (p *phasePlayer) rateNow() int {
	switch step := p.phase.Do.(type) {
	case sendAt:
		return step.rate
	case restore:
		return cmp.Or(step.to.rate, p.scenario.Rate())
	}
	return p.sending
}

// await returns nil once the Pace has decided, with err as what the phase came to by then.
func (q *question) await(err error) error {
	if q.answered == nil {
		return err
	}
	if err != nil && !errors.Is(err, errMoved) {
		return err
	}
	close(q.ready)
	<-q.answered
	if q.err != nil {
		return fmt.Errorf("ask what comes next: %w", q.err)
	}
	return nil
}

// close lets go of a Pace that was not waited for.
func (q *question) close() {
	if q.answered != nil {
		q.cancel(nil)
		<-q.answered
	}
}
