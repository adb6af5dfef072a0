package trace

import (
	"slices"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/loadgen"
)

// What agents said is in the trace's file too, and comes first where only facts are read.
func TestAgentsAreInTheTrace(t *testing.T) {
	tr := &Trace{Agents: []loadgen.Begin{{Agents: 2}, {Agents: 2, Agent: 1}}, Samples: []loadgen.Sample{{ID: "x"}}}
	var got []loadgen.Begin
	samples := 0
	if _, err := tr.Lines(true, func(l *Line) error {
		if l.Agent != nil {
			got = append(got, *l.Agent)
		}
		if l.Sample != nil {
			samples++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, tr.Agents) || samples > 0 {
		t.Errorf("got agents %v and %d samples of the facts, want %v and none", got, samples, tr.Agents)
	}
	var read Trace
	line := `{"agent":{"run":"r","pod":"p","start":"2026-01-01T00:00:00Z",` +
		`"clock":{"offsetNs":5,"errorNs":7},"go":"","maxProcs":1}}`
	if _, err := readLines(strings.NewReader(line+"\n"), true, read.Add); err != nil {
		t.Fatal(err)
	}
	if len(read.Agents) != 1 || read.Agents[0].Clock.Error != 7 || read.Agents[0].Clock.Offset != 5 {
		t.Errorf("got %+v, want the agent's first word with its clock", read.Agents)
	}
}
