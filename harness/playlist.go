package harness

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/judge"
)

// maxDrafts bounds what the drafts of a run may take in its trace, in bytes. That of a usual story has some 10 kB, and
// a reader takes twice as much of all that a trace says beside requests.
const maxDrafts = 4 << 20

// A playlist is what a run plays whose Pace decides. While it is played, the run's scenario has for phases what was
// played so far, under the names of the report: what steps and proofs know of earlier phases is what happened.
type playlist struct {
	*run
	// story are the scenario's phases, and at is the one that was played last.
	story []Phase
	at    int
	// draft is what the report is to have by now: first all that was played. drafts is how much was written of them.
	draft  *judge.Draft
	drafts int
}

// paced plays what the run's Pace decides, from start on.
func (r *run) paced(ctx context.Context, start time.Time) error {
	draft, err := r.draft()
	if err != nil {
		return err
	}
	l := &playlist{run: r, story: r.scenario.Phases, draft: draft}
	r.scenario.Phases = nil
	r.sending, r.sendAt = r.scenario.Rate(), l.sendAt
	r.journal.note("Somebody led the run: its phases ended when that one said so.")
	for move := (Move{}); !move.Finish; {
		p, err := l.next(move)
		if err != nil {
			return err
		}
		if full, err := l.plan(p); full != nil || err != nil {
			if err == nil {
				r.journal.note("The run was ended before phase %s, as a report holds no more: %v.", p.Name, full)
				err = l.leaveOut()
			}
			return err
		}
		r.scenario.Phases = append(r.scenario.Phases, p)
		player := &phasePlayer{run: r, phase: p, index: len(r.scenario.Phases) - 1, story: l.at}
		err = r.do(ctx, "phase "+p.Name, func(ctx context.Context) (err error) {
			if start, move, err = player.play(ctx, start); err != nil {
				return fmt.Errorf("phase %s: %w", p.Name, err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return l.leaveOut()
}

// next returns the phase that a move leads to, under the name that it is played by.
func (l *playlist) next(m Move) (p Phase, err error) {
	first := len(l.scenario.Phases) == 0
	if m.Try != nil && !first {
		p = *m.Try
		p.Name = l.unique(p.Name)
		if p.Do != nil {
			if err := p.Do.check(l.scenario, l.applied()); err != nil {
				return p, fmt.Errorf("try %s: %s: %w", p.Name, p.Do, err)
			}
		}
		return p, nil
	}
	if m.To < 0 || m.To >= len(l.story) {
		return p, fmt.Errorf("there is no phase %d: the scenario has %d", m.To+1, len(l.story))
	}
	p = l.story[m.To]
	if !first && m.To != l.at+1 {
		from, err := l.scenario.state(len(l.scenario.Phases) - 1)
		if err != nil {
			return p, err
		}
		told := l.scenario
		told.Phases = l.story
		to, err := told.state(m.To)
		if err != nil {
			return p, err
		}
		p = restored(p, from, to)
	}
	if own := l.scenario.Rate(); !first && m.To == l.at+1 && l.sending != own {
		p = slowed(p, l.sending, float64(l.sending)/float64(own), l.lowest)
	}
	l.at = m.To
	if l.played(p.Name) {
		p.Name, p.Repeat = l.unique(p.Name), true
		p.Breaks, p.Fixes, p.Point = false, false, false
	}
	return p, nil
}

// played tells whether a phase of that name was played.
func (l *playlist) played(name string) bool {
	return slices.ContainsFunc(l.scenario.Phases, func(p Phase) bool { return p.Name == name })
}

// applied has the files that steps applied so far.
func (l *playlist) applied() map[string]bool {
	all := map[string]bool{}
	for _, p := range l.scenario.Phases {
		all[p.file()] = true
	}
	return all
}

// unique returns a name that neither a phase of the story nor one that was played has.
func (l *playlist) unique(name string) string {
	taken := func(name string) bool {
		return l.played(name) || slices.ContainsFunc(l.story, func(p Phase) bool { return p.Name == name })
	}
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free
}

// plan has the report begin with what was played, followed by a phase, and then by those of the story that were not
// played yet. full says why it can't hold the phase.
func (l *playlist) plan(p Phase) (full, err error) {
	drafted, err := l.drafted(p)
	if err != nil {
		return nil, err
	}
	n := len(l.scenario.Phases)
	rest := slices.DeleteFunc(slices.Clone(l.draft.Phases[n:]), func(q judge.Phase) bool { return q.Name == p.Name })
	draft := *l.draft
	draft.Phases = slices.Concat(l.draft.Phases[:n], []judge.Phase{drafted}, rest)
	if full := draft.Check(); full != nil {
		return full, nil
	}
	if step, sends := p.Do.(sendAt); sends {
		if _, full := l.stage(step.rate); full != nil {
			return full, nil
		}
	}
	return l.redraft(&draft)
}

// leaveOut takes the phases of the story out of the report that were never played.
func (l *playlist) leaveOut() error {
	draft := *l.draft
	n := len(l.scenario.Phases)
	var out []string
	for _, p := range l.draft.Phases[n:] {
		out = append(out, p.Name)
	}
	if len(out) == 0 {
		return nil
	}
	l.journal.note("Whoever led the run left out of the story: %s.", strings.Join(out, ", "))
	draft.Phases = l.draft.Phases[:n]
	l.drafts = 0 // this is the last one
	_, err := l.redraft(&draft)
	return err
}

// redraft records another draft, unless it is the one that there is. full tells that the trace has no room for it.
func (l *playlist) redraft(draft *judge.Draft) (full, err error) {
	before, err := l.draft.Event()
	if err != nil {
		return nil, err
	}
	e, err := draft.Event()
	if err != nil || bytes.Equal(before.Data, e.Data) {
		return nil, err
	}
	if l.drafts += len(e.Data); l.drafts > maxDrafts {
		return fmt.Errorf("what was planned takes more than %d MB of the trace", maxDrafts>>20), nil
	}
	l.draft = draft
	l.rec.event(e)
	return nil, nil
}
