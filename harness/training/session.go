package training

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

const (
	// lookEvery is how often the judge looks.
	lookEvery = 250 * time.Millisecond
	// analyzeWithin bounds one look of istioctl analyze; it takes some tenths of a second.
	analyzeWithin = 10 * time.Second
	// analyzeAfter is how long after a write the configuration is analyzed: several writes are analyzed once.
	analyzeAfter = 500 * time.Millisecond
	// brokenWithin is how soon a reset has to show in the traffic.
	brokenWithin = 10 * time.Second
)

// A session is one play of a mission, from the load's begin to its end. It is the run's Tap, and the Referee of both of
// its phases. It is safe for concurrent use.
type session struct {
	*prepared
	space   Space
	options Options
	// hold keeps the break back, nil where nobody does.
	hold *hold
	// tell is called with what happens.
	tell func(Event)

	// restoring is held by whoever restores objects: a reset must not follow an abort.
	restoring sync.Mutex

	mu       sync.Mutex
	follower *follower
	judge    *Judge
	timeline *timeline
	state    State
	// well is when the twin was first seen to be well.
	well time.Time
	// broke is when the break was written, zero before.
	broke time.Time
	// hints are those that were given. guesses counts diagnoses, wrong those before one was right.
	hints   []Hint
	guesses int
	wrong   int
	right   bool
	// safe and mended are the moments from which on nobody was hurt, and from which on it was mended besides.
	// lacked is when the versions last were seen to lack their shares while nobody was hurt.
	safe, mended, lacked time.Time
	burned               int
	gaveUp               bool
	// breakNow tells that the break is not to wait for its moment. aborted is when everything was ended, zero before.
	breakNow bool
	aborted  time.Time
	// done is how the mission ended, nil where it did not, and ended is when. troubles are what was gone of the lab
	// when the run broke off, and lost tells that it was the cluster.
	done     *Result
	ended    time.Time
	troubles []string
	lost     bool
	// record writes an event of the current phase, nil between phases.
	record func(trace.Event)
}

func newSession(p *prepared, space Space, o Options, h *hold, tell func(Event)) *session {
	s := &session{
		prepared: p, space: space, options: o, hold: h, tell: tell, judge: NewJudge(p.goal),
		timeline: newTimeline(),
		state:    State{Verdict: Unsure, Text: "the service is being deployed"},
	}
	s.follower = newFollower(p.mission.Story.Load, s.answer)
	return s
}

// Line implements harness.Tap.
func (s *session) Line(l trace.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := l.Event; e != nil && e.Kind == trace.Writing && e.Phase == learnerPhase {
		s.broke = e.At
	}
	s.follower.line(l)
}

// answer takes an answer. The session is locked.
func (s *session) answer(a Answer) {
	a = s.judge.Add(a)
	s.timeline.add(&a)
	if a.Kind != "" && !s.broke.IsZero() {
		s.burned++
	}
}

// look judges, and tells who wants to know of a change.
func (s *session) look(now time.Time) State {
	s.mu.Lock()
	s.state = s.judge.Look(now)
	state, record := s.state, s.record
	news := s.timeline.see(state)
	if state.Verdict == Healthy && s.well.IsZero() {
		s.well = now
		s.hold.isWell()
	}
	if !s.broke.IsZero() && s.aborted.IsZero() {
		s.clock(state)
	}
	s.mu.Unlock()
	if news {
		if record != nil {
			record(trace.Event{Kind: trace.Judged, Text: string(state.Verdict) + ": " + state.Text})
		}
		s.tell(Event{Event: "state", State: &state})
	}
	return state
}

// clock keeps the two clocks. The first time counts: whoever breaks it again was safe before. Who was seen to be safe,
// and not mended, since the last failure is mended from when the window began in which the versions had their shares.
// The session is locked.
func (s *session) clock(state State) {
	switch state.Verdict {
	case Mended:
		if s.mended.IsZero() {
			s.mended = state.CleanSince
			if s.lacked.After(state.CleanSince) {
				s.mended = state.From
			}
		}
		fallthrough
	case Safe:
		if state.Verdict == Safe {
			s.lacked = state.At
		}
		s.isSafe(state.CleanSince)
	case Unsure:
		s.isSafe(state.CleanSince) // of the shares alone
	}
}

// isSafe keeps since when nobody is hurt, where that is known. The session is locked.
func (s *session) isSafe(since time.Time) {
	if s.safe.IsZero() {
		s.safe = since
	}
}

// during has record be that of the current phase until the returned function is called.
func (s *session) during(record func(trace.Event)) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record = record
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.record = nil
	}
}

// note records something that the learner did or asked.
func (s *session) note(kind trace.Kind, at time.Time, text string) {
	s.mu.Lock()
	record := s.record
	if kind == trace.Learned {
		s.timeline.orders = append(s.timeline.orders, order{at, text})
	}
	s.mu.Unlock()
	if record != nil {
		record(trace.Event{At: at, Kind: kind, Text: text})
	}
}

// A learner is the Referee of the learner's phase: the judge.
type learner struct{ *session }

// String implements fmt.Stringer.
func (learner) String() string { return "the judge of the mission, by the traffic" }

// errNotWell is why a mission is not played: nobody could say afterwards what the break had done.
var errNotWell = errors.New("the lab was not well before the break, so that nothing can be said of it")

// Decide implements harness.Referee.
func (l learner) Decide(ctx context.Context, record func(trace.Event)) (trace.Decision, error) {
	defer l.during(record)()
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	writes := make(chan environment.Write, 100)
	watching.Go(func() { l.watch(ctx, writes) })
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	began := time.Now()
	// The break is analyzed like a write, once it has come to the pods.
	analyze := began.Add(brokenWithin)
	for {
		select {
		case w := <-writes:
			l.wrote(w)
			analyze = time.Now().Add(analyzeAfter)
		case now := <-tick.C:
			state := l.look(now)
			if now.After(analyze) {
				analyze = now.Add(l.options.bound()) // until something is written
				watching.Go(func() { l.analyze(ctx) })
			}
			if d, over := l.over(now, state, now.Sub(began)); over {
				return d, nil
			}
		case <-ctx.Done():
			l.brokeOff(ctx)
			return trace.Decision{}, context.Cause(ctx)
		}
	}
}

// brokeOff keeps what is gone of the lab, before the run cleans up.
func (s *session) brokeOff(ctx context.Context) {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // somebody interrupted it
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), analyzeWithin)
	defer cancel()
	troubles, lost := s.space.Troubles(within, s.ns)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubles, s.lost = troubles, lost
}

// watch hands on what is written, until ctx ends.
func (s *session) watch(ctx context.Context, writes chan<- environment.Write) {
	err := s.space.Watch(ctx, s.ns, func(w environment.Write) {
		select {
		case writes <- w:
		case <-ctx.Done():
		}
	})
	if err != nil && ctx.Err() == nil {
		s.note(trace.Learned, time.Now(), "what is written could not be followed: "+err.Error())
	}
}

// wrote keeps a write.
func (s *session) wrote(w environment.Write) {
	s.mu.Lock()
	s.timeline.writes = append(s.timeline.writes, w)
	s.mu.Unlock()
	s.note(trace.Wrote, w.At, w.String())
}

// analyze keeps what istioctl analyze finds.
func (s *session) analyze(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, analyzeWithin)
	defer cancel()
	all, err := s.space.Analyze(ctx, s.ns)
	if err != nil {
		return // who would have seen it is a hint for later, and no reason to disturb a mission
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timeline.find(time.Now(), all)
}

// over tells whether the mission is over, and how it ended.
func (s *session) over(now time.Time, state State, took time.Duration) (trace.Decision, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := trace.Decision{By: learner{}.String(), Text: state.Text, Seen: state.At}
	switch {
	case !s.aborted.IsZero():
		if !s.servedAgain(state) {
			return d, false
		}
		d.Bad, d.Text = true, "it was aborted, and the healthy twin was brought back: "+state.Text
	case s.gaveUp:
		d.Bad, d.Text = true, "the learner gave up: "+state.Text
	case s.well.IsZero():
		d.Bad, d.Text = true, errNotWell.Error()
		return d, true
	case took >= s.options.bound():
		d.Bad, d.Text = true, fmt.Sprintf("time is up after %s: %s", s.options.bound(), state.Text)
	case state.Verdict != Mended || s.options.Diagnose && !s.right:
		return d, false
	}
	s.done, s.ended = s.result(!d.Bad, d.Text), now
	return d, true
}

// giveUp ends the mission at the judge's next look.
func (s *session) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaveUp = true
}

// hint gives the next hint.
func (s *session) hint(now time.Time) (Hint, error) {
	s.mu.Lock()
	if s.broke.IsZero() {
		s.mu.Unlock()
		return Hint{}, errNotBroken
	}
	if len(s.hints) == levels {
		s.mu.Unlock()
		return Hint{}, errors.New("there are no more hints: canarylab train give-up tells all")
	}
	h := s.mission.Hints.of(Level(len(s.hints)), now)
	s.hints = append(s.hints, h)
	s.mu.Unlock()
	s.note(trace.Learned, now, fmt.Sprintf("a hint (%s, %s)", h.Level, format.Short(h.Price)))
	return h, nil
}

// errNotBroken is for what makes sense only after the break.
var errNotBroken = errors.New("nothing is broken yet: that is still to come, at a moment that nobody tells")

// diagnose marks what the learner says.
func (s *session) diagnose(g Guess, now time.Time) (Marking, error) {
	if err := g.check(); err != nil {
		return Marking{}, err
	}
	s.mu.Lock()
	if s.broke.IsZero() {
		s.mu.Unlock()
		return Marking{}, errNotBroken
	}
	m := s.mission.Diagnosis.mark(g, s.goal.Break.Kind)
	s.guesses++
	if !m.Right() && !s.right {
		s.wrong++
	}
	s.right = s.right || m.Right()
	s.mu.Unlock()
	s.note(trace.Learned, now, fmt.Sprintf("a diagnosis: %s %s %s (%s)", g.Hop, g.Flag, g.Cause, m))
	return m, nil
}

// reset brings the broken state back, and waits until the traffic shows it.
func (s *session) reset(ctx context.Context) (State, error) {
	s.mu.Lock()
	broke := !s.broke.IsZero()
	s.mu.Unlock()
	if !broke {
		return State{}, errNotBroken
	}
	now := time.Now()
	again, err := prepare(s.mission, s.ns, now)
	if err != nil {
		return State{}, err
	}
	s.note(trace.Learned, now, "a reset")
	ctx, cancel := context.WithTimeout(ctx, brokenWithin)
	defer cancel()
	if err := s.restore(ctx, again.broken, false); err != nil {
		return State{}, fmt.Errorf("reset: %w", err)
	}
	written := time.Now()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return s.now(), fmt.Errorf("everything is as it was after the break, and within %s the traffic does not "+
				"show it: canarylab train status says what it shows", brokenWithin)
		}
		if state := s.now(); state.Verdict == Broken && state.At.Add(-soon).After(written) {
			return state, nil
		}
	}
}

// now is the last state.
func (s *session) now() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}
