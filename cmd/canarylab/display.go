package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/canarylab/canarylab/harness/progress"
	"github.com/canarylab/canarylab/reports/format"
)

// stillEvery is how often a log file is told that a long step goes on.
const stillEvery = 15 * time.Second

// A display shows steps on stderr: a line each when it has ended, and in between a live line on a terminal, or now and
// then a word about what is going on where nobody watches live.
type display struct {
	began time.Time
	out   io.Writer
	bars  *mpb.Progress // nil where the output is no terminal
	stop  chan struct{}
	width int

	mu   sync.Mutex
	open map[string]*openStep
}

type openStep struct {
	began  time.Time
	detail string
	bar    *mpb.Bar
}

// about is the step's name, with its detail where there is one. The caller holds the display's lock.
func (s *openStep) about(name string) string {
	if s.detail == "" {
		return name
	}
	return name + ": " + s.detail
}

var (
	_ progress.Progress = (*display)(nil)
	_ progress.Detailer = (*display)(nil)
)

// newDisplay starts the display. Its Close must be called before anything else is written to the terminal.
func newDisplay(f *os.File) *display {
	p := &display{began: time.Now(), out: f, stop: make(chan struct{}), open: map[string]*openStep{}}
	if isTerminal(f) {
		p.width = liveWidth(f)
		p.bars = mpb.New(mpb.WithOutput(f), mpb.WithRefreshRate(100*time.Millisecond))
		p.out = p.bars
	} else {
		go p.still()
	}
	return p
}

// Step implements progress.Progress.
func (p *display) Step(name string) func(error) {
	s := &openStep{began: time.Now()}
	if p.bars != nil {
		s.bar = p.bars.New(0, mpb.NopStyle(), mpb.BarRemoveOnComplete(), mpb.PrependDecorators(
			decor.Spinner(nil), decor.Any(func(decor.Statistics) string { return p.live(name, s) })))
	}
	p.mu.Lock()
	p.open[name] = s
	p.mu.Unlock()
	return func(err error) {
		p.mu.Lock()
		delete(p.open, name)
		p.mu.Unlock()
		end := name
		if err != nil {
			end += ": failed" // the error itself is printed once, at the end, by whoever gets it
		}
		fmt.Fprintf(p.out, "%7.1fs  %s (%.1f s)\n", time.Since(p.began).Seconds(), end, time.Since(s.began).Seconds())
		if s.bar != nil {
			s.bar.Abort(true)
		}
	}
}

// Detail implements progress.Detailer.
func (p *display) Detail(step, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.open[step]; s != nil {
		s.detail = format.Printable(text)
	}
}

// Close ends the display. Steps that are still open vanish from the terminal.
func (p *display) Close() {
	close(p.stop)
	if p.bars == nil {
		return
	}
	p.mu.Lock()
	for _, s := range p.open {
		s.bar.Abort(true)
	}
	p.mu.Unlock()
	p.bars.Wait()
}

// liveWidth keeps a live line on one line of the terminal, beside the spinner. It is that of a usual terminal
// where the terminal does not say how wide it is.
func liveWidth(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 40 {
		width = 96
	}
	return width - 6
}

// live is a step's line while it lasts.
func (p *display) live(name string, s *openStep) string {
	p.mu.Lock()
	line := fmt.Sprintf(" %5.1fs  %s", time.Since(s.began).Seconds(), s.about(name))
	p.mu.Unlock()
	if all := []rune(line); len(all) > p.width {
		line = string(all[:p.width])
	}
	return line
}

// still tells a log file what takes so long.
func (p *display) still() {
	tick := time.NewTicker(stillEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		p.mu.Lock()
		for name, s := range p.open {
			if took := time.Since(s.began); took >= stillEvery {
				all := time.Since(p.began).Seconds()
				fmt.Fprintf(p.out, "%7.1fs  ... %s (for %.0f s)\n", all, s.about(name), took.Seconds())
			}
		}
		p.mu.Unlock()
	}
}

// Say prints one line among the steps.
func (p *display) Say(layout string, args ...any) {
	fmt.Fprintf(p.out, "          %s\n", format.Printable(fmt.Sprintf(layout, args...)))
}
