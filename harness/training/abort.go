package training

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
)

// abortWithin is how long the traffic may take to show that the healthy twin is back: pods may have to start.
const abortWithin = 30 * time.Second

// ErrAborted is wrapped where a mission was aborted before anything was broken.
var ErrAborted = errors.New("it was aborted before anything was broken")

// Abort ends the mission at once: it brings the healthy twin back, so that callers are served again. The mission is
// over as soon as the traffic shows that, and counts as not mended. It is ended without more where nothing is broken
// yet, and where it was cut off.
func (t *Trainer) Abort(ctx context.Context) error {
	t.mu.Lock()
	s, stopped, end := t.session, t.stopped, t.end
	t.mu.Unlock()
	if s != nil && stopped == "" && s.isBroken() {
		return s.abort(ctx)
	}
	if end != nil {
		end(ErrAborted)
	}
	return nil
}

// BreakNow has the break come as soon as the mission is well, whatever its moment.
func (t *Trainer) BreakNow() error {
	t.mu.Lock()
	s := t.session
	t.mu.Unlock()
	if s == nil {
		return errNotBegun
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.broke.IsZero() {
		return errors.New("it is broken already")
	}
	s.breakNow = true
	return nil
}

// isOver tells whether the mission has come to an end of its own.
func (s *session) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done != nil
}

func (s *session) isBroken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.broke.IsZero()
}

// abort brings the healthy twin back. What it leads to is nothing that the learner did.
func (s *session) abort(ctx context.Context) error {
	now := time.Now()
	s.mu.Lock()
	over := s.done != nil || !s.aborted.IsZero()
	if !over {
		s.aborted = now
	}
	s.mu.Unlock()
	if over {
		return nil
	}
	s.note(trace.Learned, now, "everything was aborted: the healthy twin is brought back")
	if err := s.restore(ctx, s.twin, true); err != nil {
		return fmt.Errorf("bring the healthy twin back in namespace %s: %w", s.ns, err)
	}
	return nil
}

// restore makes the objects of the namespace those of want. After an abort only that does.
func (s *session) restore(ctx context.Context, want []object, abort bool) error {
	s.restoring.Lock()
	defer s.restoring.Unlock()
	s.mu.Lock()
	aborted := !s.aborted.IsZero()
	s.mu.Unlock()
	if aborted && !abort {
		return errors.New("it was aborted: the healthy twin is there again")
	}
	return s.space.Restore(ctx, s.ns, want, s.lab)
}

// servedAgain tells whether an abort is over: the traffic shows it, or has not for too long. The session is locked.
func (s *session) servedAgain(state State) bool {
	served := state.Verdict == Mended || state.Verdict == Safe
	return served && state.At.After(s.aborted) || time.Since(s.aborted) > abortWithin
}
