package reports

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

func TestObserve(t *testing.T) {
	obs := Observe(labTrace(), labPhases)
	if len(obs) != len(labPhases) {
		t.Fatalf("got %d observations, want %d", len(obs), len(labPhases))
	}
	for i, o := range obs {
		if o.Phase != labPhases[i].Name {
			t.Errorf("observation %d: got phase %s, want %s", i, o.Phase, labPhases[i].Name)
		}
		// 250 requests a second, for 4.5 s and for 0.5 s.
		if got, want := [2]int{o.Settled.Total.Requests, o.Transition.Total.Requests}, [2]int{1125, 125}; got != want {
			t.Errorf("%s: got %d settled and in transition, want %d", o.Phase, got, want)
		}
		if got := o.Settled.Of("beta").Requests; got != 225 {
			t.Errorf("%s: got %d requests of beta, want 225", o.Phase, got)
		}
	}
	if obs[0].Change != nil {
		t.Errorf("baseline: got change %+v, want none", obs[0].Change)
	}
	canary := obs[1]
	want := Change{Writing: at(5088), Written: at(5100), Proxies: 1, FirstHeld: 110 * time.Millisecond, LastHeld: 110 * time.Millisecond}
	if canary.Change == nil || *canary.Change != want {
		t.Errorf("canary: got change %+v, want %+v", canary.Change, want)
	}
	c := canary.Settled.Total
	bad := c.Versions[""]
	if bad == 0 || c.Codes[503] != bad || c.Flags["503 UH"] != bad || c.Failed.Count != bad || c.Latency[""].N != bad {
		t.Errorf("canary: got %d requests without a version, codes %v, flags %v, failed %v, want the same count in all", bad, c.Codes, c.Flags, c.Failed)
	}
	if want := NewShare(bad, 1125); c.Shares[""] != want {
		t.Errorf("canary: got share %v, want %v", c.Shares[""], want)
	}
	wantFailures := []Failure{{Code: 503, Flag: "UH", Details: "no_healthy_upstream", Count: bad}}
	if !reflect.DeepEqual(c.Failures, wantFailures) {
		t.Errorf("canary: got failures %+v, want %+v", c.Failures, wantFailures)
	}
	if fixed := obs[3].Settled.Total; fixed.Failed.Count != 0 || fixed.Versions["v2"] == 0 {
		t.Errorf("fixed: got %v failed and versions %v, want none and some of v2", fixed.Failed, fixed.Versions)
	}
}

func TestObserveFailures(t *testing.T) {
	trace := &Trace{Events: []Event{
		{At: at(0), Kind: PhaseStart, Phase: "p"}, {At: at(0), Kind: Settled, Phase: "p"}, {At: at(1000), Kind: PhaseEnd, Phase: "p"},
	}}
	add := func(id string, code int, version string, log ...LogEntry) {
		trace.Samples = append(trace.Samples, loadgen.Sample{ID: id, Code: code, Version: version, Due: at(1), Sent: at(1), Done: at(2)})
		for _, e := range log {
			e.ID = id
			trace.Log = append(trace.Log, e)
		}
	}
	v2 := "outbound|80|v2|my-service.demo.svc.cluster.local"
	add("ok", 200, "v1", LogEntry{Code: 200})
	add("refused", 503, "", LogEntry{Code: 503, Flags: []string{"URX", "UF"}, Cluster: v2})
	add("app", 503, "v2", LogEntry{Code: 503, Details: "via_upstream", Cluster: v2})
	add("unlogged", 503, "")
	add("hung up", 0, "", LogEntry{Code: 0, Flags: []string{"DC"}, Cluster: v2})
	add("no route", 404, "", LogEntry{Code: 404, Flags: []string{"NR"}})
	// The gateway's entry is later than that of the caller's own sidecar and must not replace it, whichever came first.
	add("two hops", 503, "", LogEntry{Proxy: "gw", Start: at(5), Flags: []string{"UH"}}, LogEntry{Proxy: "client", Start: at(4)})
	add("two hops too", 503, "", LogEntry{Proxy: "client", Start: at(4)}, LogEntry{Proxy: "gw", Start: at(5), Flags: []string{"UH"}})

	c := Observe(trace, []PhaseSpec{{Name: "p"}})[0].Settled.Total
	wantFlags := map[string]int{"503 UF,URX": 1, "503 -": 3, "503 ?": 1, "0 DC": 1, "404 NR": 1}
	if !reflect.DeepEqual(c.Flags, wantFlags) {
		t.Errorf("got flags %v, want %v", c.Flags, wantFlags)
	}
	want := []Failure{
		{Code: 503, Flag: "-", Count: 2},
		{Code: 0, Flag: "DC", Subset: "v2", Count: 1},
		{Code: 404, Flag: "NR", Count: 1},
		{Code: 503, Flag: "-", Subset: "v2", Version: "v2", Details: "via_upstream", Count: 1},
		{Code: 503, Flag: "?", Count: 1},
		{Code: 503, Flag: "UF,URX", Subset: "v2", Count: 1},
	}
	if !reflect.DeepEqual(c.Failures, want) {
		t.Errorf("got failures\n%+v, want\n%+v", c.Failures, want)
	}
	if c.Failed.Count != 6 {
		t.Errorf("got %d failed, want 6: 404 is an answer", c.Failed.Count)
	}
}

// A request belongs to a window if it was sent on its first instant, and not if on its last.
func TestObserveEdges(t *testing.T) {
	trace := &Trace{Events: []Event{
		{At: at(0), Kind: PhaseStart, Phase: "p"}, {At: at(100), Kind: Settled, Phase: "p"}, {At: at(200), Kind: PhaseEnd, Phase: "p"},
		{At: at(300), Kind: PhaseStart, Phase: "never settled"}, {At: at(400), Kind: PhaseStart, Phase: "cut short"},
		{At: at(450), Kind: Settled, Phase: "cut short"},
	}}
	for _, ms := range []float64{-1, 0, 99, 100, 199, 200, 299, 300, 399, 400, 449, 450, 999} {
		// Due lies elsewhere: Sent decides.
		trace.Samples = append(trace.Samples, loadgen.Sample{Due: at(-500), Sent: at(ms), Done: at(ms + 1000), Code: 200})
	}
	obs := Observe(trace, []PhaseSpec{{Name: "p"}, {Name: "never settled"}, {Name: "cut short"}, {Name: "never began"}})
	for i, want := range [][2]int{{2, 2}, {2, 0}, {2, 2}, {0, 0}} {
		if got := [2]int{obs[i].Transition.Total.Requests, obs[i].Settled.Total.Requests}; got != want {
			t.Errorf("%s: got %d in transition and settled, want %d", obs[i].Phase, got, want)
		}
	}
	if !obs[1].SettledAt.IsZero() || !obs[3].Start.IsZero() {
		t.Errorf("got settled at %v, began at %v, want never", obs[1].SettledAt, obs[3].Start)
	}
}

func TestObserveReceived(t *testing.T) {
	trace := &Trace{Events: []Event{
		{At: at(0), Kind: PhaseStart, Phase: "p"},
		{At: at(100), Kind: Settled, Phase: "p", Counters: map[string]uint64{"v1": 100, "v2": 7, "v3": 5}},
		{At: at(200), Kind: PhaseEnd, Phase: "p", Counters: map[string]uint64{"v1": 150, "v2": 7, "v3": 1, "v4": 2}},
	}}
	got := Observe(trace, []PhaseSpec{{Name: "p"}})[0].Received
	if want := (map[string]uint64{"v1": 50, "v2": 0, "v4": 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v: v3 began anew", got, want)
	}
	trace.Events[1].Counters = nil
	if got := Observe(trace, []PhaseSpec{{Name: "p"}})[0].Received; got != nil {
		t.Errorf("with one reading: got %v, want nil", got)
	}
}

// Whatever was recorded, every request is counted once, and every way to count it adds up.
func TestObserveAddsUp(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	for run := range 200 {
		trace := &Trace{}
		var phases []PhaseSpec
		now := 0.0
		for i := range random.IntN(5) {
			p := PhaseSpec{Name: fmt.Sprint(i), Rollback: random.IntN(2) == 0, Canary: "v2"}
			phases = append(phases, p)
			for _, k := range []Kind{PhaseStart, Writing, Written, Held, Settled, PhaseEnd} {
				now += random.Float64() * 100
				if random.IntN(10) > 0 {
					trace.Events = append(trace.Events, Event{At: at(now), Kind: k, Phase: p.Name})
				}
			}
			now += random.Float64() * 20
		}
		for i := range random.IntN(400) {
			sent := random.Float64()*(now+200) - 100
			id := fmt.Sprint(i)
			trace.Samples = append(trace.Samples, loadgen.Sample{
				ID: id, Cohort: pick("a", "b", "c"), Version: pick("v1", "v2", ""), Code: []int{0, 200, 404, 503}[random.IntN(4)],
				Due: at(sent), Sent: at(sent), Done: at(sent + 10*random.Float64()),
			})
			if random.IntN(3) > 0 {
				e := LogEntry{ID: id}
				if flag := pick("", "UH", "UF"); flag != "" {
					e.Flags = []string{flag}
				}
				trace.Log = append(trace.Log, e)
			}
		}
		obs := Observe(trace, phases)
		all := 0
		for _, o := range obs {
			for _, w := range []Window{o.Settled, o.Transition} {
				all += w.Total.Requests
				cohorts := 0
				for _, c := range w.Cohorts {
					cohorts += c.Requests
					addsUp(t, c)
				}
				if cohorts != w.Total.Requests {
					t.Errorf("run %d: got %d requests by cohort, want %d", run, cohorts, w.Total.Requests)
				}
				addsUp(t, w.Total)
			}
		}
		if b := Balance(trace, obs, BooksSpec{}); all+b.Outside != len(trace.Samples) || b.Outside < 0 {
			t.Errorf("run %d: got %d in phases and %d outside, want %d together", run, all, b.Outside, len(trace.Samples))
		}
	}
}

func addsUp(t *testing.T, c Counts) {
	t.Helper()
	latencies, failures, failed := 0, 0, 0
	for _, l := range c.Latency {
		latencies += l.N
	}
	for _, f := range c.Failures {
		failures += f.Count
		if f.Code == 0 || f.Code >= 500 {
			failed += f.Count
		}
	}
	got := [...]int{sum(c.Versions), sum(c.Codes), latencies, sum(c.Flags), failed}
	want := [...]int{c.Requests, c.Requests, c.Requests, failures, c.Failed.Count}
	if got != want {
		t.Errorf("by version, code, latency, flag, failed: got %d, want %d", got, want)
	}
}
