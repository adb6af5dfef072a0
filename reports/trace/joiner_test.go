package trace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// joined hands a request's parts to a Joiner in every order and returns after how many parts it was handed on,
// 0 for not before the end.
func joined(t *testing.T, plan loadgen.Plan, sample *loadgen.Sample, entries ...LogEntry) int {
	t.Helper()
	after := -1
	parts := len(entries) + 1
	orders := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		n, got := 0, 0
		var q Request
		j := NewJoiner(plan, time.Minute, func(r Request) { got, q = n, r })
		j.Pod(Pod{Name: "a", IP: "10.0.0.1", Sidecar: true})
		j.Pod(Pod{Name: "b", IP: "10.0.0.2"})
		for _, i := range orders.Perm(parts) {
			n++
			if i == 0 {
				j.Sample(sample)
			} else {
				j.Log(&entries[i-1])
			}
		}
		early := got
		if early == 0 {
			// What is known to be missing is missing until the last part.
			j.Flush()
		}
		if q.Sample != sample || len(q.Routers)+len(q.Servers) != len(entries) {
			t.Fatalf("got %+v, want the sample and %d entries", q, len(entries))
		}
		if j.Pending() != 0 || j.Open() != 0 {
			t.Fatalf("got %d pending at the end", j.Pending())
		}
		if after >= 0 && after != early {
			t.Fatalf("handed on after %d parts in one order and after %d in another", after, early)
		}
		after = early
	}
	return after
}

func TestJoinerKnowsWhatIsComplete(t *testing.T) {
	plan := loadgen.Plan{Cohorts: []loadgen.Cohort{
		{Name: "in"}, {Name: "plain", Entry: loadgen.Plain}, {Name: "gate", Entry: loadgen.Gateway},
		{Name: "copied", Copies: 1},
	}}
	in, plain, gate := &loadgen.Sample{ID: "1", Cohort: "in"}, &loadgen.Sample{
		ID: "1", Cohort: "plain",
	}, &loadgen.Sample{ID: "1", Cohort: "gate"}
	passed := func(ip string, attempts int) LogEntry {
		return LogEntry{ID: "1", Upstream: ip + ":8080", Details: ViaUpstream, Attempts: attempts}
	}
	server := LogEntry{ID: "1", Side: ServerSide}
	for _, test := range []struct {
		name    string
		sample  *loadgen.Sample
		entries []LogEntry
		want    int
	}{
		{"answered by a pod with a sidecar", in, []LogEntry{passed("10.0.0.1", 1), server}, 3},
		{
			"answered by a pod behind a Service's address", &loadgen.Sample{ID: "1", Cohort: "in", Pod: "a"},
			[]LogEntry{{
				ID: "1", Upstream: "10.96.0.9:80", Cluster: passthrough, Details: ViaUpstream, Attempts: 1,
			}, server}, 3,
		},
		{"answered by a pod without one", in, []LogEntry{passed("10.0.0.2", 1)}, 2},
		{"answered by a pod nobody knows", in, []LogEntry{passed("10.0.0.9", 1)}, 2},
		{
			"through the gateway", gate,
			[]LogEntry{
				{ID: "1", Side: GatewaySide, Upstream: "10.0.0.1:8080", Details: ViaUpstream, Attempts: 1}, server,
			},
			3,
		},
		{"no upstream", in, []LogEntry{{ID: "1", Flags: []string{"UH"}, Attempts: 1}}, 2},
		{"no proxy", plain, []LogEntry{server}, 2},
		{"no connection", &loadgen.Sample{ID: "1", Cohort: "gate", Unsent: true}, nil, 1},
		// Nobody knows whether more is to come.
		{"no proxy and no entry", plain, nil, 0},
		{"several attempts", in, []LogEntry{passed("10.0.0.1", 3), server, server}, 0},
		{
			"copied by a mirror", &loadgen.Sample{ID: "1", Cohort: "copied"},
			[]LogEntry{passed("10.0.0.1", 1), server, server}, 0,
		},
		{"aborted", in, []LogEntry{{ID: "1", Upstream: "10.0.0.1:8080", Flags: []string{"UC"}, Attempts: 1}}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := joined(t, plan, test.sample, test.entries...); got != test.want {
				t.Errorf("got it after %d parts, want %d", got, test.want)
			}
		})
	}
}

// What lacks something counts as pending, is handed on when it is too old, and takes no memory then.
func TestJoinerForgets(t *testing.T) {
	var got []string
	j := NewJoiner(loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "in"}}}, time.Second,
		func(q Request) { got = append(got, q.ID) })
	for i := range 1000 {
		done := time.Unix(0, 0).Add(time.Duration(i) * 10 * time.Millisecond)
		j.Sample(&loadgen.Sample{ID: fmt.Sprint(i), Cohort: "in", Done: done})
		if i%10 > 0 {
			j.Log(&LogEntry{ID: fmt.Sprint(i), Start: done})
		}
	}
	// 900 were complete at once, and of the others those of the last second are still waited for.
	if j.Pending() != 10 || j.Open() != 10 || len(got) != 990 {
		t.Errorf("got %d pending, %d kept, %d handed on, want 10, 10, 990", j.Pending(), j.Open(), len(got))
	}
	j.Flush()
	if slices.Sort(got); len(slices.Compact(got)) != 1000 || j.Pending() != 0 {
		t.Errorf("got %d handed on, %d pending, want each of 1,000 once", len(got), j.Pending())
	}
}

// What lacks something can be awaited for longer, and what may be complete is not held back by it.
func TestJoinerAwaitsWhatIsLate(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(0, 0).Add(time.Duration(s * float64(time.Second))) }
	var got []string
	j := NewJoiner(loadgen.Plan{Cohorts: []loadgen.Cohort{{Name: "in"}, {Name: "out", Entry: loadgen.Plain}}},
		time.Second, func(q Request) { got = append(got, fmt.Sprint(q.ID, " ", q.Router() != nil)) })
	j.Await(4 * time.Second)
	j.Sample(&loadgen.Sample{ID: "late", Cohort: "in", Done: at(0)})
	j.Sample(&loadgen.Sample{ID: "never", Cohort: "in", Done: at(0.1)})
	j.Sample(&loadgen.Sample{ID: "plain", Cohort: "out", Done: at(0.2)})
	for _, step := range []struct {
		at   float64
		want []string
	}{
		{1.1, nil}, {1.3, []string{"plain false"}}, {3, []string{"plain false"}},
		{4.05, []string{"plain false", "late true"}}, {4.2, []string{"plain false", "late true", "never false"}},
	} {
		if step.at > 4 && step.at < 4.1 {
			j.Log(&LogEntry{ID: "late", Start: at(0)})
		}
		j.Log(&LogEntry{ID: "clock", Start: at(step.at)}) // of no sample: it is awaited until the end
		if !slices.Equal(got, step.want) {
			t.Errorf("after %g s: got %q, want %q", step.at, got, step.want)
		}
	}
	j.Flush()
	if len(got) != 4 || j.Open() != 0 {
		t.Errorf("got %q and %d kept, want each once", got, j.Open())
	}
}
