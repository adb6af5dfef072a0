// Package replay plays a recorded run again on the page, from its trace: without a cluster, at any speed, with pauses
// and jumps.
package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/page"
	"github.com/canarylab/canarylab/reports/trace"
)

// MaxSpeed is the highest speed: ten minutes in six seconds.
const MaxSpeed = 100

// CheckSpeed refuses a speed at which nothing is seen.
func CheckSpeed(speed float64) error {
	// NaN is neither above 0 nor below anything.
	if speed > 0 && speed <= MaxSpeed {
		return nil
	}
	return fmt.Errorf("a speed of %g is not above 0 and up to %d", speed, MaxSpeed)
}

// A Player shows a trace to a board as the run had it. Its commands may come at any time.
type Player struct {
	src    trace.Source
	report *reports.Report
	board  *page.Board
	// chapters are the phases that began.
	chapters []chapter
	// first is the moment at which the load began, and last the one at which it ended.
	first, last time.Time

	mu sync.Mutex
	// The time of the recording was base at the moment since, and goes on at speed unless it is held.
	base, since time.Time
	speed       float64
	paused      bool
	// target is the moment up to which lines are shown at once, zero when none is sought. again tells that it lies
	// behind, so that the trace has to be read from its beginning.
	target time.Time
	again  bool
	// over tells that the trace was shown to its end.
	over bool
	// changed is closed and made anew with each command.
	changed chan struct{}
}

// A chapter is a phase to jump to.
type chapter struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	// AtMS is its beginning, in milliseconds from that of the load.
	AtMS int64 `json:"atMs"`
	at   time.Time
}

// New makes a player of a run's trace and its report. It reads what the trace says beside requests, within the bounds
// of any report.
func New(src trace.Source, report *reports.Report, board *page.Board, speed float64) (*Player, error) {
	if err := CheckSpeed(speed); err != nil {
		return nil, err
	}
	facts, _, err := trace.Facts(src)
	if err != nil {
		return nil, fmt.Errorf("replay a run: %w", err)
	}
	p := &Player{src: src, report: report, board: board, speed: speed, changed: make(chan struct{})}
	for _, e := range facts.Events {
		switch {
		case e.At.IsZero():
			continue
		case e.Kind == trace.LoadStart:
			p.first = e.At
		case e.Kind == trace.PhaseStart:
			i := slices.IndexFunc(report.Phases, func(phase reports.Phase) bool { return phase.Name == e.Phase })
			if i >= 0 && !slices.ContainsFunc(p.chapters, func(c chapter) bool { return c.Number == i+1 }) {
				p.chapters = append(p.chapters, chapter{Number: i + 1, Name: e.Phase, at: e.At})
			}
		}
		if e.At.After(p.last) {
			p.last = e.At
		}
	}
	if p.first.IsZero() && len(p.chapters) > 0 {
		p.first = p.chapters[0].at
	}
	if p.first.IsZero() {
		return nil, errors.New("replay a run: nothing was sent in it: its trace ends before the load began")
	}
	for i := range p.chapters {
		p.chapters[i].AtMS = p.chapters[i].at.Sub(p.first).Milliseconds()
	}
	p.base, p.since = p.first, time.Now()
	board.SetClock(p.clock)
	return p, nil
}

// Run plays the trace until ctx ends; it goes on after the trace's end, as somebody may jump back.
func (p *Player) Run(ctx context.Context) error {
	for {
		p.begin()
		truncated, err := p.src.Lines(false, p.shower(ctx))
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errAgain):
			continue
		case err != nil:
			p.trouble(fmt.Sprintf("The trace can't be read any further: %v", err))
		case truncated:
			p.trouble("The trace ends in the middle of a line, as it does when a run is killed.")
		}
		p.end()
		if !p.awaitAgain(ctx) {
			return nil
		}
	}
}

// errAgain ends a reading of the trace that has to begin anew.
var errAgain = errors.New("from the beginning")

// begin begins a reading.
func (p *Player) begin() {
	p.mu.Lock()
	p.again, p.over = false, false
	if p.target.IsZero() {
		p.base, p.since = p.first, time.Now()
	}
	p.mu.Unlock()
	p.board.Restart()
	p.board.Tell(p.report)
}

// end says that all was shown, and what became of the run.
func (p *Player) end() {
	p.mu.Lock()
	if !p.again {
		p.over, p.target = true, time.Time{}
		p.base, p.since = p.last, time.Now()
	}
	p.mu.Unlock()
	p.board.Conclude(p.report)
}

func (p *Player) trouble(text string) {
	now, _ := p.clock()
	p.board.Line(trace.Line{Event: &trace.Event{At: now, Kind: trace.Trouble, Text: text}})
}

// No request takes so long as farAhead, and under load something is recorded every second. A line that is so far ahead
// has a damaged time, unless manyFar in a row have: then nothing happened meanwhile, and that is leapt over.
const (
	farAhead = 2 * time.Minute
	manyFar  = 20
)

// shower shows each line at its time.
func (p *Player) shower(ctx context.Context) func(*trace.Line) error {
	due, far := p.first, 0
	return func(l *trace.Line) error {
		if at := arrival(l); at.After(due) {
			switch ahead := at.Sub(due) > farAhead; {
			case !ahead:
				due, far = at, 0
			case far == manyFar:
				due, far = at, 0
				p.leap(at)
			default:
				far++
			}
		}
		if err := p.await(ctx, due); err != nil {
			return err
		}
		p.board.Line(*l)
		return nil
	}
}

// arrival is about when a line was recorded, zero where it does not say.
func arrival(l *trace.Line) time.Time {
	switch {
	case l.Sample != nil:
		return l.Sample.Done
	case l.Log != nil:
		return l.Log.Start.Add(l.Log.Took)
	case l.Event != nil:
		return l.Event.At
	}
	return time.Time{}
}

// await waits until the time of the recording is at.
func (p *Player) await(ctx context.Context, at time.Time) error {
	for {
		p.mu.Lock()
		if p.again {
			p.mu.Unlock()
			return errAgain
		}
		if !p.target.IsZero() {
			if at.Before(p.target) {
				p.mu.Unlock()
				return ctx.Err() // shown at once
			}
			p.base, p.since, p.target = p.target, time.Now(), time.Time{}
		}
		now, rate := p.time()
		changed := p.changed
		p.mu.Unlock()
		ahead := at.Sub(now)
		if ahead <= 0 {
			return ctx.Err()
		}
		var in <-chan time.Time
		if rate > 0 {
			// Rounded up: a moment too early would be none at all.
			in = time.After(time.Duration(float64(ahead)/rate) + time.Microsecond)
		}
		select {
		case <-in:
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitAgain waits for somebody who wants to see the run again, or until ctx ends.
func (p *Player) awaitAgain(ctx context.Context) bool {
	for {
		p.mu.Lock()
		again, changed := p.again, p.changed
		p.mu.Unlock()
		if again {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// leap sets the time of the recording ahead.
func (p *Player) leap(to time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now, _ := p.time(); p.target.IsZero() && to.After(now) {
		p.base, p.since = to, time.Now()
	}
}

// clock is the board's: the time of the recording.
func (p *Player) clock() (time.Time, float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.time()
}

// time is clock for whoever holds mu.
func (p *Player) time() (now time.Time, rate float64) {
	switch {
	case !p.target.IsZero():
		return p.target, 0
	case p.paused || p.over:
		return p.base, 0
	}
	return p.base.Add(time.Duration(float64(time.Since(p.since)) * p.speed)), p.speed
}

// change changes how the run is shown, from now on.
func (p *Player) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.base, _ = p.time()
	p.since = time.Now()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}

// jump shows the run from a moment on.
func (p *Player) jump(to time.Time) {
	p.change(func() {
		p.again = p.again || p.over || to.Before(p.base)
		p.target = to
	})
}
