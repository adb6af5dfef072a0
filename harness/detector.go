package harness

import (
	"context"
	"fmt"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Detector watches the canary while it has its share, and decides whether it is bad or good. Each detector
// has a file of its own.
type Detector interface {
	// String names the rule.
	fmt.Stringer
	// asksMetrics tells whether the detector asks the Prometheus of the namespace, which is only there where one does.
	asksMetrics() bool
	// readsSamples tells whether the detector reads the requests. Nothing is kept for one that does not.
	readsSamples() bool
	// check finds what is wrong with the detector without a cluster.
	check(s Scenario) error
	// decide watches until it knows, or until ctx ends.
	decide(ctx context.Context, w watched) (trace.Decision, error)
}

// What a Detector has to decide by.
type watched struct {
	scenario Scenario
	env      environment.Environment
	// feed has the requests that were sent since the phase's change began; it is nil for a detector that does not read
	// them.
	feed *sampleFeed
	// record writes an event of the phase into the trace.
	record func(trace.Event)
}
