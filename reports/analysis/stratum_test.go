package analysis

import (
	"fmt"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// strata times a rollback whose requests are sent by the plan's agents in turn. meet says what becomes of the n-th
// request, which is sent after so many milliseconds: see labtrace.Rollback.
func strata(plan loadgen.Plan, meet func(n int, ms float64, s *loadgen.Sample), pods ...trace.Pod) *Rollback {
	tr := labtrace.Rollback(func(ms float64, s *loadgen.Sample) {
		n := int(ms / 10)
		s.Version, s.Pod, s.Seq = "v1", "v1-1", uint64(n)
		meet(n, ms, s)
	})
	tr.Pods = append(tr.Pods, pods...)
	return analyze(tr, []PhaseSpec{{Name: "canary"}, {Name: "back", Rollback: true, Canary: "v2"}},
		plan).Observations[1].Rollback
}

// A rollback has a stratum for each agent and pod, and its bracket ends with the last of them.
func TestRollbackByStrata(t *testing.T) {
	const x = time.Millisecond
	v2 := func(s *loadgen.Sample, pod string) { s.Version, s.Pod = "v2", pod }
	two := loadgen.Plan{Agents: 2}
	cohorts := func(via loadgen.Entry) loadgen.Plan {
		return loadgen.Plan{Agents: 2, Cohorts: []loadgen.Cohort{{Name: "plain", Rate: 100, Entry: via}}}
	}
	everyOther := func(_ int, ms float64, s *loadgen.Sample) {
		if ms < 2000 {
			v2(s, "a")
		}
	}
	gateway := func(name string) trace.Pod { return trace.Pod{Name: name, Role: trace.GatewayRole} }
	for _, c := range []struct {
		name string
		plan loadgen.Plan
		meet func(n int, ms float64, s *loadgen.Sample)
		pods []trace.Pod
		want Rollback
	}{
		// All of 200 requests: 98.2 % or more, so that 2 in a row are 0.03 % at most.
		{"one agent", loadgen.Plan{}, everyOther, nil, Rollback{High: 25 * x}},
		// All of 100 each: 96.4 % or more, so that it takes 2 of each, sent 10 to 40 ms after Writing.
		{"two agents", two, everyOther, nil, Rollback{High: 45 * x, Strata: 2}},
		{"the second agent goes on", two, func(n int, ms float64, s *loadgen.Sample) {
			if ms < 2000 || n%2 == 1 && ms <= 2310 {
				v2(s, "a")
			}
		}, nil, Rollback{High: 265 * x, Strata: 2}},
		// A share of one half, of 100, is 39.8 % or more: it takes 11 of each.
		{"two pods", loadgen.Plan{}, func(n int, ms float64, s *loadgen.Sample) {
			if ms < 2000 {
				v2(s, fmt.Sprint("pod-", n%2))
			}
		}, nil, Rollback{High: 105 * x, Strata: 2}},
		{"a failure may be any pod's", loadgen.Plan{}, func(n int, ms float64, s *loadgen.Sample) {
			if ms < 2000 {
				v2(s, fmt.Sprint("pod-", n%2))
			} else if ms == 2200 {
				s.Version, s.Pod, s.Code = "", "", 503
			}
		}, nil, Rollback{High: 215 * x, Strata: 2}},
		// Pod a has 25 of 200, 8.3 % or more: it takes 62, from 2,200 ms on, as that may have been a request for it.
		{"a failure of others that fail may be any pod's", loadgen.Plan{}, func(n int, ms float64, s *loadgen.Sample) {
			switch {
			case ms < 2000 && n%8 == 0:
				v2(s, "a")
			case ms < 2000 && n%2 == 1 || ms == 2200:
				s.Version, s.Pod, s.Code = "", "", 503
			}
		}, nil, Rollback{High: 735 * x, Strata: 2}},
		{"a stray failure before has no switch", loadgen.Plan{}, func(n int, ms float64, s *loadgen.Sample) {
			if everyOther(n, ms, s); ms == 1000 {
				s.Version, s.Pod, s.Code = "", "", 503
			}
		}, nil, Rollback{High: 25 * x}},
		{"an agent without the canary", two, func(n int, ms float64, s *loadgen.Sample) {
			if n%2 == 0 && ms < 2000 {
				v2(s, "a")
			}
		}, nil, Rollback{High: 35 * x}},
		{"an agent of which too little is known", loadgen.Plan{Agents: 64}, func(n int, ms float64, s *loadgen.Sample) {
			if n%64 < 32 && ms < 2000 {
				v2(s, "a")
			}
		}, nil, Rollback{Unknown: 32, Strata: 32}},
		{"a pod that came later", loadgen.Plan{}, func(n int, ms float64, s *loadgen.Sample) {
			if everyOther(n, ms, s); ms == 2150 {
				v2(s, "b")
			}
		}, nil, Rollback{Unknown: 1}},
		{"through the gateway", cohorts(loadgen.Gateway), everyOther, []trace.Pod{gateway("g1")},
			Rollback{High: 25 * x}},
		// Half of 98.2 %: it takes 8.
		{"through one of two gateways", cohorts(loadgen.Gateway), everyOther, []trace.Pod{gateway("g1"), gateway("g2")},
			Rollback{High: 85 * x}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strata(c.plan, c.meet, c.pods...)
			if got.High != c.want.High || got.Strata != c.want.Strata || got.Unknown != c.want.Unknown {
				t.Errorf("got a bracket to %s of %d strata, %d unknown; want %s, %d, %d", got.High, got.Strata,
					got.Unknown, c.want.High, c.want.Strata, c.want.Unknown)
			}
			if got.Recovered() != (c.want.High > 0) {
				t.Errorf("got recovered %t with a bracket to %s", got.Recovered(), got.High)
			}
			if open := got.Open(); (open == "") != (got.High > 0) {
				t.Errorf("got %q for a bracket to %s", open, got.High)
			}
		})
	}
}

// What is known of the moment at which the write was accepted narrows the bracket, and the rest of it is told.
func TestBracketOfASlowWrite(t *testing.T) {
	const none = "0 ms: no affected request was sent after the write was accepted (99 % bracket 0 ms to "
	for _, c := range []struct {
		after float64
		high  time.Duration
		words string
	}{
		{0, 25 * time.Millisecond, none + "25.0 ms, 10.0 ms of it as the write was accepted at an unknown moment)"},
		{2099, 16 * time.Millisecond, none + "16.0 ms)"},
		// A moment that is not in the write tells nothing.
		{2101, 25 * time.Millisecond, ""}, {2089, 25 * time.Millisecond, ""},
	} {
		tr := labtrace.Rollback(func(ms float64, s *loadgen.Sample) {
			s.Version = "v1"
			if ms < 2000 {
				s.Version = "v2"
			}
		})
		for i := range tr.Events {
			if e := &tr.Events[i]; e.Kind == trace.Written && c.after > 0 {
				e.AcceptedAfter = labtrace.At(c.after)
			}
		}
		r := analyze(tr, []PhaseSpec{{Name: "canary"}, {Name: "back", Rollback: true, Canary: "v2"}},
			loadgen.Plan{}).Observations[1].Rollback
		if r.High != c.high || c.words != "" && r.String() != c.words {
			t.Errorf("accepted after %g ms: got %s and %q; want %s and %q", c.after, r.High, r, c.high, c.words)
		}
	}
}
