package training

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// Options are a Trainer's.
type Options struct {
	// Seed draws the moment of the break.
	Seed uint64
	// Bound is how long the learner has from the break on. Zero means DefaultBound.
	Bound time.Duration
	// Diagnose asks for a right diagnosis, besides, before a mission is over.
	Diagnose bool
	// Namespace is where the mission is played. Empty means Namespace.
	Namespace string
	// Rate is that of the load, in requests a second. Zero means the story's own, or what the machine carries of it.
	Rate int
}

func (o Options) bound() time.Duration { return cmp.Or(o.Bound, DefaultBound) }

// The moment of the break, counted from when callers are known to be served as asked.
const (
	quietLeast = 5 * time.Second
	quietMost  = 20 * time.Second
)

// quiet draws it.
func (o Options) quiet() time.Duration {
	return quietLeast + time.Duration(rand.New(rand.NewPCG(o.Seed, 0)).Int64N(int64(quietMost-quietLeast)))
}

// A Trainer plays a mission until it is over, again where the learner broke the lab itself. It is safe for concurrent
// use.
type Trainer struct {
	Mission Mission
	Space   Space
	Options Options
	// Play plays a scenario with harness.Run, with these and the lab's own options.
	Play func(ctx context.Context, s harness.Scenario, o harness.Options) (*reports.Report, error)
	// Tap is shown what the run records, beside the trainer itself; nil means nobody is.
	Tap harness.Tap
	// Told is called with what happens, in its order. Nil means that nobody wants to know.
	Told func(Event)
	// Ended is called once by Run, with what to keep of the mission. Nil means that nobody keeps it.
	Ended func(Ended)

	mu      sync.Mutex
	session *session
	// stopped says why the run was cut off, empty while one is played. again is closed when a reset asks for another.
	stopped string
	again   chan struct{}
	// hold keeps the break back, nil where nobody does.
	hold *hold
	// end ends what is under way, with a cause. ended is what became of it, nil before.
	end   context.CancelCauseFunc
	ended *Ended
}

func (t *Trainer) namespace() string { return cmp.Or(t.Options.Namespace, Namespace) }

// taps show everything to several.
type taps []harness.Tap

// Line implements harness.Tap.
func (all taps) Line(l trace.Line) {
	for _, t := range all {
		t.Line(l)
	}
}

// Run plays the mission until it is over. The report is that of the last run. The error is for a lab that broke and for
// ctx that ended.
func (t *Trainer) Run(ctx context.Context) (e Explanation, rep *reports.Report, err error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	t.mu.Lock()
	t.end, t.ended = end, nil
	t.mu.Unlock()
	defer func() {
		last := ended(time.Now(), e, err)
		if t.Ended != nil {
			t.Ended(last)
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.ended = &last
	}()
	for {
		var s *session
		if s, rep, err = t.play(ctx); s == nil {
			return e, rep, err
		}
		e = s.explain(time.Now())
		s.mu.Lock()
		done, well, broke := s.done, !s.well.IsZero(), !s.broke.IsZero()
		why, lost := strings.Join(s.troubles, " "), s.lost
		s.mu.Unlock()
		switch {
		case done != nil:
			t.tell(Event{Event: "end", Result: done, Explanation: &e})
			return e, rep, err
		case lost:
			return e, rep, errors.Join(errors.New(why), err)
		case ctx.Err() != nil || !well || !broke:
			return e, rep, cmp.Or(err, errNotWell)
		case why == "" && err != nil:
			why = fmt.Sprintf("The lab itself was broken: %v.", err)
		}
		if !t.wait(ctx, why) {
			return e, rep, cmp.Or(ctx.Err(), errGaveUp)
		}
	}
}

// errGaveUp is for a learner who ends a mission that is not played.
var errGaveUp = errors.New("the learner gave up after the lab itself was broken")

// errNotBegun is for what is asked before anything is played.
var errNotBegun = errors.New("the mission has not begun yet: it is being prepared, as the cluster and the services " +
	"come up. Nothing is broken: ask again in a minute")

// play plays the mission once.
func (t *Trainer) play(ctx context.Context) (*session, *reports.Report, error) {
	m, by := t.Mission, Referees{}
	if t.Options.Rate > 0 {
		m = m.AtRate(t.Options.Rate)
	}
	p, err := prepare(m, t.namespace(), time.Now())
	if err != nil {
		return nil, nil, err
	}
	s := newSession(p, t.Space, t.Options, t.hold, t.tell)
	by.Twin, by.Learner = twin{s}, learner{s}
	if t.hold != nil {
		by.held = heldFor
	}
	t.mu.Lock()
	t.session, t.stopped = s, ""
	t.mu.Unlock()
	all := taps{s}
	if t.Tap != nil {
		all = append(all, t.Tap)
	}
	rep, err := t.Play(ctx, p.scenario(by, t.Options.bound()),
		harness.Options{Tap: all, Reveal: p.reveal, Rate: t.Options.Rate})
	return s, rep, err
}

func (t *Trainer) tell(e Event) {
	if t.Told != nil {
		t.Told(e)
	}
}

// wait waits until a reset asks for another play. It is false where the learner gives up, or ctx ends.
func (t *Trainer) wait(ctx context.Context, why string) bool {
	again := make(chan struct{})
	t.mu.Lock()
	t.stopped, t.again = why, again
	s := t.session
	t.mu.Unlock()
	t.tell(Event{Event: "stopped", Text: why + " canarylab train reset plays the mission again, from its beginning."})
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-again:
			return true
		case <-ctx.Done():
			return false
		case <-tick.C:
			s.mu.Lock()
			gaveUp := s.gaveUp
			s.mu.Unlock()
			if gaveUp {
				return false
			}
		}
	}
}

// Handle implements Handler.
func (t *Trainer) Handle(ctx context.Context, r Request) Reply {
	t.mu.Lock()
	s, stopped := t.session, t.stopped
	t.mu.Unlock()
	last := t.last()
	switch {
	case last != nil:
		return last.Handle(ctx, r)
	case s == nil:
		return Reply{Error: errNotBegun.Error()}
	case stopped != "" && r.Do == DoReset:
		return t.playAgain()
	case stopped != "" && r.Do != DoGiveUp && r.Do != DoExplain:
		return Reply{Error: stopped + " canarylab train reset plays the mission again, from its beginning."}
	}
	reply, err := t.do(ctx, s, r)
	if err != nil {
		return Reply{Error: err.Error()}
	}
	return reply
}

// last is the mission as it ended, nil as long as it goes on.
func (t *Trainer) last() *Ended {
	t.mu.Lock()
	s, last := t.session, t.ended
	t.mu.Unlock()
	if last != nil || s == nil || !s.isOver() {
		return last
	}
	// The report is being made.
	now := time.Now()
	made := ended(now, s.explain(now), nil)
	return &made
}

// Standing says how the mission stands, for people. It is quick: it asks nobody.
func (t *Trainer) Standing() string {
	if last := t.last(); last != nil {
		return last.String()
	}
	t.mu.Lock()
	s, stopped := t.session, t.stopped
	t.mu.Unlock()
	if s == nil || stopped != "" {
		return cmp.Or(stopped, "The cluster is made ready.")
	}
	return s.standing(time.Now()).String()
}

// playAgain has the mission played again after it was cut off.
func (t *Trainer) playAgain() Reply {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.again == nil {
		return Reply{Text: "It is being played again."}
	}
	close(t.again)
	t.again = nil
	return Reply{Text: "The mission is played again, from its beginning: first it is well for a while."}
}

// do does what is asked for while the mission is played.
func (t *Trainer) do(ctx context.Context, s *session, r Request) (Reply, error) {
	now := time.Now()
	switch r.Do {
	case DoStatus:
		standing := s.standing(now)
		if !standing.State.At.IsZero() { // before, pods that are not ready are no trouble
			standing.Troubles, _ = t.Space.Troubles(ctx, t.namespace())
		}
		return Reply{Text: standing.String(), Standing: &standing}, nil
	case DoHint:
		h, err := s.hint(now)
		return Reply{Text: fmt.Sprintf("%s (it costs %s): %s", h.Level, format.Short(h.Price), h.Text), Hint: &h}, err
	case DoDiagnose:
		m, err := s.diagnose(r.Guess, now)
		return Reply{Text: m.String(), Marking: &m}, err
	case DoExplain:
		e := s.explain(now)
		return Reply{Text: e.String(), Explanation: &e}, nil
	case DoReset:
		state, err := s.reset(ctx)
		if err != nil {
			troubles, _ := t.Space.Troubles(ctx, t.namespace())
			return Reply{}, errors.New(format.Join(". ", err.Error(), strings.Join(troubles, " ")))
		}
		standing := s.standing(time.Now())
		return Reply{
			Text: "Everything is written as it was right after the break, and what was added is deleted. " +
				"It costs nothing; the clocks go on. " + string(state.Verdict) + ": " + state.Text, Standing: &standing,
		}, nil
	case DoGiveUp:
		s.giveUp()
		return Reply{Text: "The mission ends. The terminal in which it was begun tells what it was."}, nil
	}
	return Reply{}, fmt.Errorf("%q is not %s", r.Do, strings.Join([]string{
		DoStatus, DoHint, DoDiagnose, DoExplain, DoReset, DoGiveUp,
	}, ", "))
}

// String is the marking for people.
func (m Marking) String() string {
	if m.Right() {
		return "right: hop, flag and cause"
	}
	word := map[bool]string{true: "right", false: "not right"}
	return fmt.Sprintf("hop %s, flag %s, cause %s; it costs %s", word[m.Hop], word[m.Flag], word[m.Cause],
		format.Short(GuessPrice))
}
