package loadgen

import "time"

// A Health is how the agent itself fared in one interval of about a second: whether what it measured is the mesh, or its
// own lack of a processor.
type Health struct {
	// Pod is the agent's, as in its Begin.
	Pod string `json:"pod,omitempty"`
	// At ends the interval, Took is its length.
	At   time.Time     `json:"at"`
	Took time.Duration `json:"tookNs"`
	// CPU is what the agent's process used of the processors, user and system together (getrusage). Cores is how many
	// it may use at once (GOMAXPROCS).
	CPU   time.Duration `json:"cpuNs"`
	Cores int           `json:"cores"`
	// RunDelay is how long its threads were ready to run and waited for a processor, summed over the threads
	// (/proc/self/task/*/schedstat, second field). 0 where the system does not tell.
	RunDelay time.Duration `json:"runDelayNs"`
	// Stall is the longest time in which the agent's heartbeat, due every few milliseconds, did not beat, beyond what was
	// due; StallAt is when it beat again. A process that was stopped or did not get a processor shows here even if
	// no request was due.
	Stall   time.Duration `json:"stallNs,omitempty"`
	StallAt time.Time     `json:"stallAt,omitzero"`
	// ClockStep is by how much the wall clock has moved against the monotonic clock since the run began. Samples do not
	// follow it: all their times are the begin's wall time plus monotonic time.
	ClockStep time.Duration `json:"clockStepNs,omitempty"`
}
