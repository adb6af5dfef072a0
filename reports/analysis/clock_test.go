package analysis

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// agents are the first words of load agents whose clocks are known to within errors.
func agents(errors ...time.Duration) []loadgen.Begin {
	var all []loadgen.Begin
	for i, e := range errors {
		all = append(all, loadgen.Begin{Agents: len(errors), Agent: i, Clock: loadgen.Clock{Error: e}})
	}
	return all
}

// What a bracket claims must hold whichever way the clocks are off.
func TestTheErrorOfClocksWidensABracket(t *testing.T) {
	const x = time.Millisecond
	phases := []PhaseSpec{{Name: "canary"}, {Name: "back", Rollback: true, Canary: "v2"}}
	// The last affected request is sent 50 ms after the write was accepted: see TestRollback.
	late := func(ms float64, s *loadgen.Sample) {
		if ms == 2150 {
			s.Version = "v2"
		}
	}
	bracket := func(meet func(ms float64, s *loadgen.Sample), errors ...time.Duration) Rollback {
		t.Helper()
		tr := labtrace.Rollback(meet)
		tr.Agents = agents(errors...)
		r := analyze(tr, phases, loadgen.Plan{}).Observations[1].Rollback
		if r == nil {
			t.Fatal("got no rollback")
		}
		return *r
	}
	exact := bracket(late)
	if exact.Low != 50*x || exact.High == 0 || exact.ClockError != 0 {
		t.Fatalf("got %s to %s with clocks off by %s, want 50ms to some moment, and no error", exact.Low, exact.High,
			exact.ClockError)
	}
	for _, tc := range []struct {
		errors []time.Duration
		want   time.Duration
	}{
		{[]time.Duration{0}, 0},
		{[]time.Duration{0, 0, 0}, 0},
		{[]time.Duration{3 * x}, 3 * x},
		// The worst counts: which of the agents sent the last affected request is not known beforehand.
		{[]time.Duration{2 * x, 7 * x, 0}, 7 * x},
	} {
		got := bracket(late, tc.errors...)
		if got.Low != exact.Low-tc.want || got.High != exact.High+tc.want || got.ClockError != tc.want {
			t.Errorf("%v: got %s to %s with clocks off by %s, want %s to %s", tc.errors, got.Low, got.High,
				got.ClockError, exact.Low-tc.want, exact.High+tc.want)
		}
		if got.Route != exact.Route || got.Chance != exact.Chance {
			t.Errorf("%v: got route %s, chance %g; want what was seen: %s, %g", tc.errors, got.Route, got.Chance,
				exact.Route, exact.Chance)
		}
	}
	// A rollback does not come before its write.
	if got := bracket(late, 60*x); got.Low != 0 {
		t.Errorf("got a bracket from %s, want it from 0", got.Low)
	}
	// A bracket that never closed is not closed by an error of the clock.
	open := bracket(func(ms float64, s *loadgen.Sample) {
		if ms >= 2000 && ms < 3960 {
			s.Version = "v2"
		}
	}, 7*x)
	if open.High != 0 || open.Recovered() {
		t.Errorf("got a bracket until %s, want none: it went on to the end", open.High)
	}
}

func TestTheGeneratorCountsItsAgents(t *testing.T) {
	for _, tc := range []struct {
		errors []time.Duration
		wrong  time.Duration
	}{{nil, 0}, {[]time.Duration{0}, 0}, {
		[]time.Duration{time.Millisecond, 4 * time.Millisecond, 0}, 4 * time.Millisecond,
	}} {
		tr := labtrace.Trace()
		tr.Agents = agents(tc.errors...)
		g := analyze(tr, labPhases, labtrace.Plan).Accounting.Generator
		if g.Agents != len(tc.errors) || g.ClockError != tc.wrong {
			t.Errorf("got %d agents, clocks off by %s; want %d, %s", g.Agents, g.ClockError, len(tc.errors), tc.wrong)
		}
	}
}

// Of several agents, number i sends every n-th request, from number i on. What is missing is told without
// knowing how much each sent.
func TestRequestsThatAgentsNumberedAreCounted(t *testing.T) {
	for _, tc := range []struct {
		name string
		seqs []uint64
		n    int
		want int
	}{
		{"one agent", []uint64{0, 1, 2, 3}, 1, 4},
		{"one agent, two lost", []uint64{0, 3}, 1, 4},
		{"nothing sent", nil, 3, 0},
		{"three agents, evenly", []uint64{0, 1, 2, 3, 4, 5}, 3, 6},
		{"one is ahead", []uint64{0, 1, 2, 3, 6, 9}, 3, 6},
		{"one sent nothing", []uint64{0, 2, 3, 5}, 3, 4},
		{"one lost its first", []uint64{0, 4, 2, 3, 5}, 3, 6},
		{"out of order", []uint64{5, 3, 4, 2, 1, 0}, 3, 6},
	} {
		plan := loadgen.Plan{
			Run: "r", Cohorts: []loadgen.Cohort{{Name: "a", Rate: 10}}, Duration: time.Minute, Agents: tc.n,
		}
		b := newLedger(plan, &trace.Trace{}, newBudget())
		for _, seq := range tc.seqs {
			b.sample(&loadgen.Sample{Cohort: "a", Seq: seq, ID: "r-a", Code: 200, Due: labtrace.At(
				float64(seq)), Sent: labtrace.At(float64(seq)),
				Done: labtrace.At(float64(seq))})
		}
		got := 0
		if c := b.cohorts["a"]; c != nil {
			got = c.numbered()
		}
		if got != tc.want {
			t.Errorf("%s: got %d requests, want %d", tc.name, got, tc.want)
		}
	}
}
