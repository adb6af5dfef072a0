package loadgen

import "time"

// A Health describes the agent itself in an interval of about a second. It tells whether a measurement shows
// the mesh, or the agent's own lack of a processor.
type Health struct {
	// Pod is the agent's, as in its Begin.
	Pod string `json:"pod,omitempty"`
	// At is the end of the interval, Took its length.
	At   time.Time     `json:"at"`
	Took time.Duration `json:"tookNs"`
	// CPU is the processor time of the agent's process, user and system together (getrusage). Cores is how many
	// processors it may use at once (GOMAXPROCS).
	CPU   time.Duration `json:"cpuNs"`
	Cores int           `json:"cores"`
	// RunDelay is how long its threads were ready to run and waited for a processor, summed over the threads
	// (/proc/self/task/*/schedstat, second field). It is 0 if the system does not tell.
	RunDelay time.Duration `json:"runDelayNs"`
	// Stall is the longest delay of the agent's heartbeat, which is due every few milliseconds. StallAt is when
	// that beat came. A process that was stopped or did not get a processor shows here even if no request was
	// due.
	Stall   time.Duration `json:"stallNs,omitempty"`
	StallAt time.Time     `json:"stallAt,omitzero"`
	// Woken counts how often an ordinary program beside an agent in the real-time class slept for a few milliseconds,
	// WokenLate how often it then waited for a processor for more than MaxWait. Both are 0 of any other agent.
	Woken     int `json:"woken,omitempty"`
	WokenLate int `json:"wokenLate,omitempty"`
	// Yielded tells that the agent gave the real-time class up in this interval or before: see mostOfTheMachine.
	Yielded bool `json:"yielded,omitempty"`
	// ClockStep is how far the wall clock has moved against the monotonic clock since the run began. Samples
	// are not affected: all their times are the begin's wall time plus monotonic time.
	ClockStep time.Duration `json:"clockStepNs,omitempty"`
}
