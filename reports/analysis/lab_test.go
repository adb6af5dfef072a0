package analysis

import (
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// labPhases are the hand-built run's phases.
var labPhases = []PhaseSpec{
	{Name: "baseline"},
	{Name: "canary"},
	{Name: "rollback", Rollback: true, Canary: "v2"},
	{Name: "fixed"},
}

// analyze is Analyze on a trace in memory.
func analyze(t *trace.Trace, phases []PhaseSpec, plan loadgen.Plan) *Analysis {
	a, err := Analyze(t, Spec{Plan: plan, Phases: phases})
	if err != nil {
		panic(err)
	}
	return a
}

// sum adds a map's counts.
func sum[K comparable](m map[K]int) int {
	total := 0
	for _, n := range m {
		total += n
	}
	return total
}
