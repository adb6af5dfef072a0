package harness

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarylab/canarylab/reports/trace"
)

// A Referee decides when a phase ends, by what it is shown of the whole run (Options.Tap). It is for packages that use
// the engine; the engine's own rules are Detectors.
type Referee interface {
	// String names the rule.
	fmt.Stringer
	// Decide waits until the phase is to end, or until ctx ends. record writes an event of the phase into the trace.
	Decide(ctx context.Context, record func(trace.Event)) (trace.Decision, error)
}

// Refereed is the Detector of a phase that a Referee ends.
type Refereed struct {
	Referee Referee
	// OthersWrite tells that somebody else changes the namespace in this phase: pods that come and go are no trouble.
	OthersWrite bool
}

// String implements Detector.
func (r Refereed) String() string {
	if r.Referee == nil {
		return "nobody"
	}
	return r.Referee.String()
}

func (Refereed) asksMetrics() bool { return false }

func (Refereed) readsSamples() bool { return false }

func (r Refereed) check(Scenario) error {
	if r.Referee == nil {
		return errors.New("want a referee")
	}
	return nil
}

func (r Refereed) decide(ctx context.Context, w watched) (trace.Decision, error) {
	return r.Referee.Decide(ctx, w.record)
}

// othersWrite tells whether somebody else than the scenario changes the namespace in the phase.
func (p Phase) othersWrite() bool {
	r, ok := p.Until.(Refereed)
	return ok && r.OthersWrite
}
