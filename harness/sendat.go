package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// stageLead is how far ahead another rate of the load is ordered: the way to an agent takes a fraction of it.
const stageLead = 500 * time.Millisecond

// A sendAt has the load go on at another rate. It is for whoever leads a run: the load of a scenario has one rate, or
// says itself how that changes.
type sendAt struct{ rate int }

// SendAt returns a step that has the load go on at a rate, in requests a second of all cohorts together: 1 or more, and
// no more than it began with. The error wraps ErrRate, and says why the scenario's rate stays as it is.
func (s Scenario) SendAt(rate int) (Step, error) {
	if s.fixed() {
		return nil, fmt.Errorf("%w: %s is about its load, whose rate stays", ErrRate, s.Name)
	}
	step := sendAt{rate}
	return step, step.check(s, nil)
}

// String implements Step.
func (s sendAt) String() string { return fmt.Sprintf("send %d requests a second", s.rate) }

// Action implements Step.
func (s sendAt) Action() reports.Action {
	return reports.Action{Kind: "send-at", Brief: fmt.Sprintf("send %d a second", s.rate)}
}

func (s sendAt) check(in Scenario, _ map[string]bool) error {
	if s.rate < 1 || s.rate > in.Rate() {
		return fmt.Errorf("%w: %d requests a second are not 1 to %d", ErrRate, s.rate, in.Rate())
	}
	return nil
}

func (sendAt) effects(Scenario) effects { return effects{} }

// leave implements leaver.
func (s sendAt) leave(st *state) { st.rate = s.rate }

func (s sendAt) do(ctx context.Context, at moment) error {
	if at.sendAt == nil {
		return errors.New("nobody leads this run: its load keeps the rate that it began with")
	}
	return at.sendAt(ctx, s.rate)
}

// typed implements typist: the load is the lab's own, and nobody can type it.
func (sendAt) typed(Scenario, *Typed) error { return nil }

// slowed returns a phase as it is played at a lower rate than the run began with, of which it is a factor. A claim
// whose number follows from the rate follows it. Below the lowest rate of the scenario, what is claimed of the way of a
// change or of a decision stays open: what would cost requests may meet none, and who decides waits longer for answers.
// All other claims see by themselves whether they have enough requests.
func slowed(p Phase, rate int, factor float64, lowest int) Phase {
	claims := p.Expect
	p.Expect, p.open = nil, nil
	for _, e := range claims {
		e = expect.Times(e, factor)
		if about := expect.Requires(e); rate >= lowest || !about.Change && !about.Decision {
			p.Expect = append(p.Expect, e)
			continue
		}
		v := e.Check(analysis.Observation{})
		v.Saw, v.Outcome = "nothing", reports.Inconclusive
		v.Why = fmt.Sprintf("it takes %d requests a second, and somebody had set %d", lowest, rate)
		p.open = append(p.open, v)
	}
	return p
}

// sendAt has the load go on at another rate, and returns once it does. The plan in the draft says from when: by that
// the books are balanced.
func (l *playlist) sendAt(ctx context.Context, rate int) error {
	if rate == l.sending {
		return nil
	}
	plan, start, before := l.setup.Load, l.rec.start(), l.rec.stagesTaken()
	stage, err := l.stage(rate)
	if err != nil {
		return err
	}
	select {
	case l.stages <- stage:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var taken bool
	err = l.rec.waitFor(ctx, func() bool { stage, taken = l.rec.taken(before); return taken })
	if err != nil {
		return causeOr(ctx, fmt.Errorf("wait until the load agents have taken another rate: %w", err))
	}
	if plan.Shape, err = plan.Shape.With(stage); err != nil {
		return err
	}
	l.setup.Load, l.sending = plan, rate
	draft := *l.draft
	draft.Report.Setup.Load = plan
	e, err := draft.Event()
	if err != nil {
		return err
	}
	// Whether the trace has room for more is asked before the next phase.
	l.draft, l.drafts = &draft, l.drafts+len(e.Data)
	l.rec.event(e)
	select {
	case <-time.After(time.Until(start.Add(stage.At))):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stage is another rate of the load, from a moment on that is soon. The error says why the load does not take one more.
func (l *playlist) stage(rate int) (loadgen.Stage, error) {
	plan := l.setup.Load
	s := loadgen.Stage{At: time.Since(l.rec.start()) + stageLead, Factor: float64(rate) / plan.TotalRate()}
	_, err := plan.Shape.With(s)
	return s, err
}
