package analysis

import (
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// These are all limits of an honest run. A run that breaks one has a problem that shakes a Basis: verdicts that rest on
// it are void, whatever was seen. MaxStall alone has no such consequence: a stall is reported, the lag tells which
// requests it made late, and every bracket contains it. How long the agent's threads waited for a processor is reported
// without a limit, because the lag shows what comes of it.
const (
	// MaxRateError is how far the rate of a cohort may be off its plan, as a fraction of it. More is no longer
	// the load that the report names.
	MaxRateError = 0.001
	// MaxLagP99 is how much later than due all but one request of 100 may be sent.
	MaxLagP99 = loadgen.MaxWait
	// MaxWaits is in which fraction of cases an ordinary program beside a load agent that runs before all others may
	// wait for a processor for more than loadgen.MaxWait. An agent that is an ordinary program itself waits as long,
	// which MaxLagP99 limits.
	MaxWaits = 0.01
	// MaxCPU is how much of its processors the load agent may use, as a fraction: above it, it waits for itself
	// (the rule of thumb of k6's documentation, "Running large tests").
	MaxCPU = 0.8
	// MaxStall is how long the agent as a whole may stand still before it is reported. A process that shares
	// two cores with a mesh waits for up to some 30 ms now and then, when a change makes all others busy at
	// once.
	MaxStall = 35 * time.Millisecond
	// MaxClockStep is how far a wall clock may move against its monotonic clock: a proxy's times are by the former, a
	// caller's by the latter.
	MaxClockStep = time.Millisecond
)
