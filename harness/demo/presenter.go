// Package demo lets somebody present a scenario: step by step, back and forth, with changes of one's own in between.
// It is a harness.Pace that a page's buttons lead (reports/page), and the panels that those buttons are on.
package demo

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/sampleapp"
)

// A Presenter decides what a run plays next by what its buttons are told. It is safe for concurrent use.
type Presenter struct {
	story harness.Scenario
	folder
	// show is told of everything that changed.
	show func(View)
	// news has a message when something was asked for.
	news chan struct{}

	mu sync.Mutex
	// playing tells that a phase is being played; at is the scenario's that was played last, name what it is called.
	playing bool
	at      int
	name    string
	// rate is how many requests a second are sent, and most how many may be.
	rate, most int
	// ready tells that the phase has what its claims take.
	ready bool
	// wish is what was asked for, nil for nothing. It is granted when the phase is ready, or at once if it is urgent.
	wish   *harness.Move
	urgent bool
	// auto tells that the run goes on by itself when a phase is ready.
	auto bool
	// over tells that the run is to end.
	over bool
	// tried are the changes that were tried since the scenario's last state, weight and faults what they come to;
	// weight is nil where the story has the last word.
	tried  []harness.Phase
	weight *int
	faults sampleapp.Faults
	// known are the ways that were worked out last.
	known known
}

var _ harness.Pace = (*Presenter)(nil)

// New returns who presents a scenario. dir is a folder for the files that the page tells people to apply; show is
// called with all that there is to be seen, whenever that changed.
func New(s harness.Scenario, dir string, show func(View)) *Presenter {
	return &Presenter{
		story: s, folder: folder{dir: dir, has: map[string]bool{}}, show: show, news: make(chan struct{}, 1),
	}
}

// Next implements harness.Pace.
func (p *Presenter) Next(ctx context.Context, at harness.Playing) (harness.Move, error) {
	p.update(func() {
		p.playing, p.at, p.name, p.ready, p.wish, p.urgent = true, at.Phase, at.Name, false, nil, false
		p.rate, p.most = at.Rate, at.Most
	})
	ready := at.Ready
	for {
		if move, decided := p.decide(); decided {
			p.update(func() {})
			return move, nil
		}
		select {
		case <-ready:
			ready = nil
			p.update(func() { p.ready = true })
		case <-p.news:
		case <-ctx.Done():
			p.update(func() { p.playing, p.over = false, true })
			return harness.Move{}, ctx.Err()
		}
	}
}

// decide returns the move that is asked for, if its time has come.
func (p *Presenter) decide() (move harness.Move, decided bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wish == nil && p.auto && p.at+1 < len(p.story.Phases) {
		p.wish = &harness.Move{To: p.at + 1}
	}
	if p.wish == nil || !p.ready && !p.urgent {
		return move, false
	}
	move = *p.wish
	switch {
	case move.Finish:
		p.over = true
	case move.Try != nil:
		p.tried = append(p.tried, *move.Try)
	case move.To != p.at+1:
		// The way back takes with it what was tried.
		p.tried, p.weight, p.faults = nil, nil, sampleapp.Faults{}
	default:
		p.weight = nil
	}
	p.playing = false
	return move, true
}

// update changes something, and shows it.
func (p *Presenter) update(change func()) {
	p.mu.Lock()
	change()
	v := p.view()
	p.mu.Unlock()
	p.show(v)
}

// errNothing is returned for buttons that are pressed when no phase is played.
var errNothing = errors.New("no phase is being played: wait until the next one begins")

// ask asks for a move.
func (p *Presenter) ask(urgent bool, move func() (harness.Move, error)) error {
	var err error
	p.update(func() {
		if !p.playing || p.over {
			err = errNothing
			return
		}
		var m harness.Move
		if m, err = move(); err == nil {
			// Who asks twice does not want to wait.
			p.urgent = urgent || p.wish != nil
			p.wish = &m
		}
	})
	select {
	case p.news <- struct{}{}:
	default:
	}
	return err
}

// Step asks for the phase that comes so many steps after the one that is played. The next one comes once the phase has
// the requests that its claims take, or at once when it is asked for twice. All others come at once.
func (p *Presenter) Step(by int) error {
	return p.ask(by != 1, func() (harness.Move, error) {
		switch to := p.at + by; {
		case to < 0:
			return harness.Move{}, errors.New("this is the first step already")
		case to >= len(p.story.Phases):
			return harness.Move{}, errors.New("this was the last step: Finish makes the report")
		default:
			return harness.Move{To: to}, nil
		}
	})
}

// Reset goes back to the beginning.
func (p *Presenter) Reset() error {
	return p.ask(true, func() (harness.Move, error) {
		p.auto = false
		return harness.Move{}, nil
	})
}

// Finish ends the run, so that its report is made.
func (p *Presenter) Finish() error {
	return p.ask(true, func() (harness.Move, error) { return harness.Move{Finish: true}, nil })
}

// Auto has the run go on by itself, or stay where it is.
func (p *Presenter) Auto(on bool) {
	p.update(func() {
		p.auto = on
		if !on && !p.urgent {
			p.wish = nil
		}
	})
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// Weigh gives the canary a share of the requests, in percent.
func (p *Presenter) Weigh(percent int) error {
	return p.ask(true, func() (harness.Move, error) {
		step, err := p.weigh(percent)
		if err != nil {
			return harness.Move{}, err
		}
		p.weight = &percent
		name := fmt.Sprintf("%s at %d %% by hand", p.story.Canary, percent)
		return harness.Move{Try: &harness.Phase{Name: name, Do: step}}, nil
	})
}

func (p *Presenter) weigh(percent int) (harness.Step, error) {
	if percent < 0 || percent > 100 {
		return nil, fmt.Errorf("%d %% is no share", percent)
	}
	step, ok := p.story.Weigh(percent)
	if !ok {
		return nil, errors.New("the routes of this story do not share all requests by a weight")
	}
	return step, nil
}

// Rate has the load go on at a rate, in requests a second.
func (p *Presenter) Rate(rate int) error {
	return p.ask(true, func() (harness.Move, error) {
		step, err := p.story.SendAt(rate)
		if err == nil && rate > p.most {
			err = fmt.Errorf("this machine was found to carry %d requests a second", p.most)
		}
		if err != nil {
			return harness.Move{}, err
		}
		p.rate = rate
		name := fmt.Sprintf("%d a second by hand", rate)
		return harness.Move{Try: &harness.Phase{Name: name, Do: step}}, nil
	})
}

// Faults has the canary's pods misbehave.
func (p *Presenter) Faults(f sampleapp.Faults) error {
	return p.ask(true, func() (harness.Move, error) {
		step, err := p.inject(f)
		if err != nil {
			return harness.Move{}, err
		}
		p.faults = f
		name := p.story.Canary + " healed by hand"
		if f != (sampleapp.Faults{}) {
			name = p.story.Canary + " with faults by hand"
		}
		return harness.Move{Try: &harness.Phase{Name: name, Do: step}}, nil
	})
}

func (p *Presenter) inject(f sampleapp.Faults) (harness.Step, error) {
	if p.story.Canary == "" {
		return nil, errors.New("this story has no canary")
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return harness.Inject{Version: p.story.Canary, Faults: f}, nil
}
