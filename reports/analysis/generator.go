package analysis

import (
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Generator is how the load agents themselves fared: whether it was the mesh that was measured.
type Generator struct {
	// Known tells that the agents said anything.
	Known bool `json:"known"`
	// CPU is what the busiest agent used of its processors, as a fraction of 1. RunDelay is how long the
	// threads of the one that waited most waited for a processor, as a fraction of the time.
	CPU      float64 `json:"cpu"`
	RunDelay float64 `json:"runDelay"`
	// Stall is the longest time in which an agent stood still, StallAt its end; Stalls counts those above MaxStall.
	Stall   time.Duration `json:"stallNs"`
	StallAt time.Time     `json:"stallAt,omitzero"`
	Stalls  int           `json:"stalls"`
	// RealTime tells that all agents ran before every ordinary program of their machines. Then Woken counts how often
	// an ordinary program beside them slept for some milliseconds, and WokenLate how often it then waited for a
	// processor for more than loadgen.MaxWait.
	RealTime  bool `json:"realTime,omitempty"`
	Woken     int  `json:"woken,omitempty"`
	WokenLate int  `json:"wokenLate,omitempty"`
	// Agents is how many there were, and ClockError how far off the times of those may be that ran on other
	// machines than the lab.
	Agents     int           `json:"agents"`
	ClockError time.Duration `json:"clockErrorNs,omitempty"`
	// ClockStep is the largest move of a wall clock against its monotonic clock.
	ClockStep time.Duration `json:"clockStepNs"`
}

// Waited is in which fraction of cases an ordinary program beside the agents waited, 0 where nobody looked.
func (g Generator) Waited() float64 { return float64(g.WokenLate) / float64(max(g.Woken, 1)) }

// A usage is what an agent used of its processors, and how long it waited for one, in seconds.
type usage struct{ took, cpu, wait float64 }

// health takes what an agent said of itself.
func (b *ledger) health(h *loadgen.Health) {
	u, known := b.usages[h.Pod]
	if !known {
		b.memory.take(len(h.Pod) + mapEntry)
	}
	g, cores := &b.Generator, float64(max(h.Cores, 1))
	g.Known = true
	b.usages[h.Pod] = usage{
		u.took + h.Took.Seconds()*cores, u.cpu + h.CPU.Seconds(), u.wait + h.RunDelay.Seconds()*cores,
	}
	b.yielded = b.yielded || h.Yielded
	g.Woken += h.Woken
	g.WokenLate += h.WokenLate
	if h.Stall > MaxStall {
		g.Stalls++
	}
	if h.Stall > g.Stall {
		g.Stall, g.StallAt = h.Stall, h.StallAt
	}
	if h.ClockStep.Abs() > g.ClockStep.Abs() {
		g.ClockStep = h.ClockStep
	}
}

// generator sums up what the agents said of themselves, and what was seen of clocks.
func (b *ledger) generator() {
	g := &b.Generator
	g.Agents, g.ClockError = len(b.facts.Agents), clockError(b.facts.Agents)
	g.RealTime = len(b.facts.Agents) > 0 && !b.yielded
	for _, a := range b.facts.Agents {
		g.RealTime = g.RealTime && a.RealTime
	}
	for _, u := range b.usages {
		if u.took > 0 {
			g.CPU, g.RunDelay = max(g.CPU, u.cpu/u.took), max(g.RunDelay, u.wait/u.took)
		}
	}
	for _, e := range b.facts.Events {
		if e.Kind == trace.ClockStep && e.By.Abs() > g.ClockStep.Abs() {
			g.ClockStep = e.By
		}
	}
	if g.CPU > MaxCPU {
		// It waits for itself, and so do the answers that it reads. What it sent, it sent.
		b.void(OnTime, "the load agent used %.0f %% of its processors, more than %.0f %%: this machine can't carry "+
			"that load", 100*g.CPU, 100*MaxCPU)
	}
	if g.Waited() > MaxWaits {
		// The agent sent on time, but the proxies and apps are ordinary programs.
		b.void(OnTime, "ordinary programs beside the load agent waited for a processor for more than %s in %.0f %% of "+
			"%s cases (limit %g %%): this machine can't carry that load", format.Short(loadgen.MaxWait), 100*g.Waited(),
			format.Number(g.Woken), 100*MaxWaits)
	}
	if g.ClockStep.Abs() > MaxClockStep {
		b.void(OneClock, "a wall clock moved by %s during the run: times of different processes can't be compared",
			format.Short(g.ClockStep))
	}
}
