package training

import (
	"context"
	"sync"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
)

// A hold keeps the breaks of several missions back until all of them are well.
type hold struct {
	// begin is closed when the moments of the breaks begin to count, well when the mission was first seen to be well.
	begin <-chan struct{}
	well  chan struct{}
	once  sync.Once
}

func newHold(begin <-chan struct{}) *hold { return &hold{begin: begin, well: make(chan struct{})} }

// isWell tells whoever waits that the mission is well. A nil hold has nobody who waits.
func (h *hold) isWell() {
	if h != nil {
		h.once.Do(func() { close(h.well) })
	}
}

// A twin is the Referee of the healthy twin: it waits until callers are known to be served as asked, and then for a
// moment that nobody foresees.
type twin struct{ *session }

// String implements fmt.Stringer.
func (twin) String() string { return "the trainer, at a moment of its own" }

// Decide implements harness.Referee.
func (t twin) Decide(ctx context.Context, record func(trace.Event)) (trace.Decision, error) {
	defer t.during(record)()
	t.tell(Event{Event: "ready", Task: t.goal.Told(), Namespace: t.ns})
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var begin <-chan struct{}
	if t.hold != nil {
		begin = t.hold.begin
	}
	var begun time.Time
	for {
		select {
		case <-begin:
			begin, begun = nil, time.Now()
		case now := <-tick.C:
			state := t.look(now)
			if t.breaks(state, now, begin != nil, begun) {
				t.analyze(ctx)
				return trace.Decision{By: t.String(), Text: state.Text, Seen: state.At}, nil
			}
		case <-ctx.Done():
			return trace.Decision{}, context.Cause(ctx)
		}
	}
}

// breaks tells whether the moment of the break has come. begun is when moments began to count, where somebody held it.
func (t twin) breaks(state State, now time.Time, held bool, begun time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gaveUp {
		return true
	}
	quiet := t.options.quiet()
	passed := !held && now.Sub(t.well) >= quiet && now.Sub(begun) >= quiet
	return state.Verdict == Healthy && (t.breakNow || passed)
}
