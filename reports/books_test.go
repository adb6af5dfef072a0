package reports

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

func TestBalance(t *testing.T) {
	trace := labTrace()
	b := Balance(trace, Observe(trace, labPhases), BooksSpec{Plan: labPlan})
	if !b.Balance() {
		t.Errorf("got problems %q, want none", b.Problems)
	}
	if b.Requests != 5125 || b.Logged != 5125 || b.Outside != 125 || b.Orphans != 0 {
		t.Errorf("got %d requests, %d logged, %d outside, %d orphans, want 5125, 5125, 125, 0", b.Requests, b.Logged, b.Outside, b.Orphans)
	}
	if len(b.Pace) != 2 || b.Pace[0].Cohort != "plain" || b.Pace[1].Cohort != "beta" {
		t.Fatalf("got pace %+v, want those of plain and beta", b.Pace)
	}
	for i, want := range []float64{200, 50} {
		if p := b.Pace[i]; math.Abs(p.Achieved-want) > 1e-3 || p.LagMax.Round(time.Microsecond) != 50*time.Microsecond || p.LagP99 > p.LagMax {
			t.Errorf("got pace %+v, want %g a second with a lag of 50 µs", p, want)
		}
	}
}

func TestBalanceProblems(t *testing.T) {
	// answered finds a request that v2 answered.
	answered := func(t *Trace) int {
		return slices.IndexFunc(t.Samples, func(s loadgen.Sample) bool { return s.Version == "v2" })
	}
	for _, test := range []struct {
		name   string
		damage func(*Trace, *BooksSpec)
		want   string // part of the only problem, "" for none
	}{
		{"log entry lost", func(t *Trace, _ *BooksSpec) { t.Log = t.Log[1:] }, "1 of the caller's 5,125 requests have no entry"},
		{"log entry doubled", func(t *Trace, _ *BooksSpec) { t.Log = append(t.Log, t.Log[0]) }, "1 access log entries came twice"},
		{"second hop", func(t *Trace, _ *BooksSpec) {
			e := t.Log[0]
			e.Proxy, e.Start = "gateway", e.Start.Add(1)
			t.Log = append(t.Log, e)
		}, ""},
		{"sample lost at the end", func(t *Trace, _ *BooksSpec) {
			last := len(t.Samples) - 1
			t.Counters[t.Samples[last].Version]--
			t.Samples = t.Samples[:last]
		}, "1 requests that the load agent did not report"},
		{"codes differ", func(t *Trace, _ *BooksSpec) { t.Log[0].Code = 500 }, "different statuses for 1 requests"},
		{"caller gave up", func(t *Trace, _ *BooksSpec) {
			i := answered(t)
			t.Samples[i].Code, t.Samples[i].Version = 0, ""
		}, ""},
		{"counter too low", func(t *Trace, _ *BooksSpec) { t.Counters["v2"]-- }, "answers from v2, which counted only"},
		{"counter too high", func(t *Trace, _ *BooksSpec) { t.Counters["v2"]++ }, "only 0 requests without an answer from a pod"},
		{"counter too high, retried", func(t *Trace, s *BooksSpec) { t.Counters["v2"]++; s.Retried = true }, ""},
		{"silent version got something", func(t *Trace, _ *BooksSpec) { t.Counters["v3"] = 1 }, "v3 counted 1 requests"},
		{"counter of a version not read", func(t *Trace, _ *BooksSpec) { delete(t.Counters, "v2") }, "from v2, but its counter was not read"},
		{"counters not read", func(t *Trace, _ *BooksSpec) { t.Counters = nil }, "counters were not read"},
		{"cut off", func(t *Trace, _ *BooksSpec) { t.Truncated = true }, "ends in the middle of a line"},
		{"rate not kept", func(_ *Trace, s *BooksSpec) { s.Plan.Cohorts[0].Rate = 202 }, "was to send 202 requests a second and sent 200.0"},
		{"rate nearly kept", func(_ *Trace, s *BooksSpec) { s.Plan.Cohorts[0].Rate = 201 }, ""},
		{"cohort silent", func(_ *Trace, s *BooksSpec) {
			s.Plan.Cohorts = append(s.Plan.Cohorts, loadgen.Cohort{Name: "gamma", Rate: 1})
		}, "cohort gamma sent nothing"},
		{"cohort not planned", func(_ *Trace, s *BooksSpec) { s.Plan.Cohorts = s.Plan.Cohorts[:1] }, "beta is not in the plan and sent 1,025"},
		{"stopped early", func(t *Trace, _ *BooksSpec) { t.Events[len(t.Events)-1].At = at(22000) }, "in the last 2."},
		{"same id twice", func(t *Trace, _ *BooksSpec) {
			t.Samples[1].ID = t.Samples[0].ID
			t.Log = slices.Delete(t.Log, 1, 2)
		}, "1 samples have the request id of another"},
		{"no proxy in one cohort", func(t *Trace, s *BooksSpec) {
			t.Log = slices.DeleteFunc(t.Log, func(e LogEntry) bool { return strings.Contains(e.ID, "beta") })
			s.Unlogged = []string{"beta"}
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			trace, spec := labTrace(), BooksSpec{Plan: labPlan}
			spec.Plan.Cohorts = slices.Clone(labPlan.Cohorts)
			test.damage(trace, &spec)
			b := Balance(trace, Observe(trace, labPhases), spec)
			if test.want == "" {
				if !b.Balance() {
					t.Errorf("got problems %q, want none", b.Problems)
				}
				return
			}
			if b.Balance() || !slices.ContainsFunc(b.Problems, func(p string) bool { return strings.Contains(p, test.want) }) {
				t.Errorf("got problems %q, want one with %q", b.Problems, test.want)
			}
			if !strings.Contains(test.name, "cohort silent") && !strings.HasPrefix(test.name, "stopped") && len(b.Problems) != 1 {
				t.Errorf("got problems %q, want one", b.Problems)
			}
		})
	}
}

func TestBalanceMissingNumber(t *testing.T) {
	trace := labTrace()
	lost := trace.Samples[100]
	trace.Samples = slices.Delete(trace.Samples, 100, 101)
	trace.Log = slices.Delete(trace.Log, 100, 101)
	trace.Counters[lost.Version]--
	b := Balance(trace, nil, BooksSpec{Plan: labPlan})
	if want := []string{"1 requests of cohort plain were numbered but never reported"}; !slices.Equal(b.Problems, want) {
		t.Errorf("got problems %q, want %q", b.Problems, want)
	}
}

func TestBalanceOfNothing(t *testing.T) {
	b := Balance(&Trace{}, nil, BooksSpec{Plan: labPlan})
	if !b.Balance() || b.Requests != 0 || len(b.Pace) != 2 {
		t.Errorf("got %+v, want empty books that balance: Conclude does not pass a run without requests", b)
	}
}
