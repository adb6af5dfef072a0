package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/reports/trace"
)

// A playlist is what a run plays whose Pace decides. While it is played, the run's scenario has for phases what was
// played so far, under the names of the report: what steps and proofs know of earlier phases is what happened.
type playlist struct {
	*run
	// story are the scenario's phases, and at is the one that was played last.
	story []Phase
	at    int
	// draft is the run's plan by now, and names are those that are taken.
	draft *judge.Draft
	names map[string]bool
}

// paced plays what the run's Pace decides, from start on.
func (r *run) paced(ctx context.Context, start time.Time) error {
	draft, err := r.draft()
	if err != nil {
		return err
	}
	l := &playlist{run: r, story: r.scenario.Phases, draft: draft, names: map[string]bool{}}
	r.scenario.Phases = nil
	r.journal.note("Somebody led the run: its phases ended when that one said so.")
	for move := (Move{}); !move.Finish; {
		p, planned, err := l.next(move)
		if err != nil {
			return err
		}
		if !planned {
			if full, err := l.plan(p); full || err != nil {
				return err
			}
		}
		l.names[p.Name] = true
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
	l.leaveOut()
	return nil
}

// next returns the phase that a move leads to, under the name that it is played by. planned tells that it is played as
// the scenario has it.
func (l *playlist) next(m Move) (p Phase, planned bool, err error) {
	first := len(l.scenario.Phases) == 0
	if m.Try != nil && !first {
		p = *m.Try
		p.Name = l.unique(p.Name)
		if p.Do != nil {
			if err := p.Do.check(l.scenario, l.applied()); err != nil {
				return p, false, fmt.Errorf("try %s: %s: %w", p.Name, p.Do, err)
			}
		}
		return p, false, nil
	}
	if m.To < 0 || m.To >= len(l.story) {
		return p, false, fmt.Errorf("there is no phase %d: the scenario has %d", m.To+1, len(l.story))
	}
	p = l.story[m.To]
	forward := first || m.To == l.at+1
	if !forward {
		from, err := l.scenario.state(len(l.scenario.Phases) - 1)
		if err != nil {
			return p, false, err
		}
		told := Scenario{Name: l.scenario.Name, Files: l.scenario.Files, Phases: l.story}
		to, err := told.state(m.To)
		if err != nil {
			return p, false, err
		}
		p = restored(p, from, to)
	}
	l.at = m.To
	again := l.names[p.Name]
	if again {
		p.Name, p.Repeat = l.unique(p.Name), true
		p.Breaks, p.Fixes, p.Point = false, false, false
	}
	return p, forward && !again, nil
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
		return l.names[name] || slices.ContainsFunc(l.story, func(p Phase) bool { return p.Name == name })
	}
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free
}

// plan adds a phase to what the report is to have. full tells that it holds no more, which ends the run.
func (l *playlist) plan(p Phase) (full bool, err error) {
	planned, err := l.drafted(p)
	if err != nil {
		return false, err
	}
	if err := l.draft.Plan(planned); err != nil {
		l.journal.note("The run was ended before phase %s, as a report holds no more: %v.", p.Name, err)
		l.leaveOut()
		return true, nil
	}
	e, err := judge.Planned(planned)
	if err != nil {
		return false, err
	}
	l.rec.event(e)
	return false, nil
}

// leaveOut takes the phases of the story out of the report that were never played.
func (l *playlist) leaveOut() {
	var out []string
	for _, p := range l.story {
		if !l.names[p.Name] {
			out = append(out, p.Name)
			l.rec.event(trace.Event{Kind: trace.LeftOut, Phase: p.Name})
		}
	}
	if len(out) > 0 {
		l.journal.note("Whoever led the run left out of the story: %s.", strings.Join(out, ", "))
	}
}
