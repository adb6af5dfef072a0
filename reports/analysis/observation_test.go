package analysis

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestObserve(t *testing.T) {
	obs := analyze(labtrace.Trace(), labPhases, labtrace.Plan).Observations
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
	want := &Change{
		Writing: labtrace.At(5088), Written: labtrace.At(5100), Noticed: 100 * time.Millisecond,
		FirstPushed: 104 * time.Millisecond, LastPushed: 104 * time.Millisecond,
		Proxies: 1, FirstSynced: 110 * time.Millisecond, LastSynced: 110 * time.Millisecond,
		RoutersPushed: 104 * time.Millisecond, RoutersSynced: 110 * time.Millisecond,
	}
	if !reflect.DeepEqual(canary.Change, want) {
		t.Errorf("canary: got change %+v, want %+v", canary.Change, want)
	}
	c := canary.Settled.Total
	bad := c.Versions[""]
	if bad == 0 || c.Codes[503] != bad || c.Flags["503 UH"] != bad || c.Failed.Count != bad || c.Latency[""].N != bad {
		t.Errorf("canary: got %d requests without a version, codes %v, flags %v, failed %v, want the same count in all",
			bad, c.Codes, c.Flags, c.Failed)
	}
	if want := NewShare(bad, 1125); c.Shares[""] != want {
		t.Errorf("canary: got share %v, want %v", c.Shares[""], want)
	}
	wantFailures := []Failure{{
		Code: 503, Flag: "UH", Hop: ClientHop, Origin: "UH", Cause: flagMeanings["UH"], Details: "no_healthy_upstream",
		Subset: "v2", Count: bad,
	}}
	if !reflect.DeepEqual(c.Failures, wantFailures) {
		t.Errorf("canary: got failures %+v, want %+v", c.Failures, wantFailures)
	}
	// The first request that the new route failed was sent after the proxy took it over; of v1 there is nothing
	// to tell.
	m := canary.Moments
	if len(m) != 2 || m[0].Kind != "503 UH" || m[0].First < 110*time.Millisecond || m[0].First > 200*time.Millisecond ||
		m[1].Kind != "v1" || m[1].First > 0 {
		t.Errorf("canary: got moments %+v, want the first 503 UH from 110 ms on, and v1 all the time", m)
	}
	if fixed := obs[3].Settled.Total; fixed.Failed.Count != 0 || fixed.Versions["v2"] == 0 {
		t.Errorf("fixed: got %v failed and versions %v, want none and some of v2", fixed.Failed, fixed.Versions)
	}
}

func TestFailures(t *testing.T) {
	v2 := "outbound|80|v2|my-service.demo.svc.cluster.local"
	passed := trace.LogEntry{Code: 503, Details: trace.ViaUpstream, Cluster: v2, Upstream: "10.0.0.2:8080"}
	for _, test := range []struct {
		name   string
		sample loadgen.Sample
		router *trace.LogEntry
		server *trace.LogEntry
		want   Failure
		none   bool
	}{
		{
			name: "well", sample: loadgen.Sample{Code: 200, Version: "v1"},
			router: &trace.LogEntry{Code: 200, Details: trace.ViaUpstream}, none: true,
		},
		{
			name: "redirected", sample: loadgen.Sample{Code: 302, Version: "v1"},
			router: &trace.LogEntry{Code: 302, Details: trace.ViaUpstream}, none: true,
		},
		{
			name: "a socket that was read to its end", sample: loadgen.Sample{Code: 101, Version: "v1"},
			router: &trace.LogEntry{Code: 101, Flags: []string{"DC"}}, none: true,
		},
		{"a socket that broke", loadgen.Sample{Code: 101, Version: "v1"}, &trace.LogEntry{
			Code: 101, Flags: []string{"UC"}, Cluster: v2,
		}, nil,
			Failure{
				Code: 101, Flag: "UC", Origin: "UC", Hop: ClientHop, Cause: flagMeanings["UC"], Subset: "v2",
				Version: "v1",
			}, false},
		{"not found", loadgen.Sample{Code: 404, Version: "v1"}, &trace.LogEntry{
			Code: 404, Details: trace.ViaUpstream,
		}, nil,
			Failure{
				Code: 404, Flag: "-", Origin: "-", Hop: AppHop, Cause: "the app itself answered so",
				Details: trace.ViaUpstream, Version: "v1",
			}, false},
		{"too many", loadgen.Sample{Code: 429}, &trace.LogEntry{
			Code: 429, Details: trace.ViaUpstream, Cluster: v2,
		}, &trace.LogEntry{Code: 429, Flags: []string{"RL"}, Details: "local_rate_limited"},
			Failure{
				Code: 429, Flag: "-", Origin: "RL", Hop: ServerHop, Cause: serverMeanings["RL"],
				Details: "local_rate_limited", Subset: "v2",
			}, false},
		{"no host", loadgen.Sample{Code: 503}, &trace.LogEntry{
			Code: 503, Flags: []string{"UH"}, Details: "no_healthy_upstream", Cluster: v2,
		}, nil,
			Failure{
				Code: 503, Flag: "UH", Origin: "UH", Hop: ClientHop, Cause: flagMeanings["UH"],
				Details: "no_healthy_upstream", Subset: "v2",
			}, false},
		{"refused", loadgen.Sample{Code: 503}, &trace.LogEntry{
			Code: 503, Flags: []string{"URX", "UF"}, Cluster: v2, Failure: "TLS_error",
		}, nil,
			Failure{
				Code: 503, Flag: "UF,URX", Origin: "UF,URX", Hop: ClientHop,
				Cause: flagMeanings["UF"] + "; " + flagMeanings["URX"] + " (TLS_error)", Subset: "v2",
			}, false},
		{"at the gateway", loadgen.Sample{Code: 404}, &trace.LogEntry{
			Code: 404, Side: trace.GatewaySide, Flags: []string{"NR"},
		}, nil,
			Failure{Code: 404, Flag: "NR", Origin: "NR", Hop: GateHop, Cause: flagMeanings["NR"]}, false},
		{"the app's own", loadgen.Sample{Code: 503, Version: "v2"}, &passed, &trace.LogEntry{
			Side: trace.ServerSide, Code: 503, Details: trace.ViaUpstream,
		},
			Failure{
				Code: 503, Flag: "-", Origin: "-", Hop: AppHop, Cause: "the app itself answered so",
				Details: trace.ViaUpstream, Subset: "v2", Version: "v2",
			}, false},
		// The same at the caller's proxy, and something else altogether.
		{"the pod's proxy", loadgen.Sample{Code: 503}, &passed, &trace.LogEntry{
			Side: trace.ServerSide, Code: 503, Flags: []string{"UF"}, Details: "refused",
		},
			Failure{
				Code: 503, Flag: "-", Origin: "UF", Hop: ServerHop, Cause: serverMeanings["UF"], Details: "refused",
				Subset: "v2",
			}, false},
		{"the pod's proxy, by a filter", loadgen.Sample{Code: 503}, &passed, &trace.LogEntry{
			Side: trace.ServerSide, Code: 503, Details: "ext_authz_denied",
		},
			Failure{
				Code: 503, Flag: "-", Origin: "-", Hop: ServerHop, Cause: "the pod's own proxy answered by itself",
				Details: "ext_authz_denied", Subset: "v2",
			}, false},
		{"a pod without a proxy", loadgen.Sample{Code: 503}, &passed, nil,
			Failure{Code: 503, Flag: "-", Origin: "-", Hop: ClientHop, Details: trace.ViaUpstream, Subset: "v2",
				Cause: "the answer came from the pod, and no proxy there says more: it has no sidecar, or its log " +
					"entry is missing"}, false},
		{"hung up", loadgen.Sample{Err: "no whole answer within 1s"}, &trace.LogEntry{
			Flags: []string{"DC"}, Details: "downstream_remote_disconnect", Cluster: v2,
		}, nil,
			Failure{
				Flag: "DC", Origin: "DC", Hop: CallerHop, Cause: "the caller hung up: no whole answer within 1s",
				Details: "downstream_remote_disconnect", Subset: "v2",
			}, false},
		{"no proxy at all", loadgen.Sample{Code: 503, Version: "v1"}, nil, &trace.LogEntry{
			Side: trace.ServerSide, Code: 503, Details: trace.ViaUpstream,
		},
			Failure{
				Code: 503, Flag: "-", Origin: "-", Hop: AppHop, Cause: "the app itself answered so",
				Details: trace.ViaUpstream, Version: "v1",
			}, false},
		{
			"not logged", loadgen.Sample{Code: 503}, nil, nil,
			Failure{Code: 503, Flag: "?", Origin: "?", Hop: CallerHop, Cause: "nobody on the way logged the request"},
			false,
		},
		{"no connection", loadgen.Sample{Err: "connection refused"}, nil, nil,
			Failure{Flag: "?", Origin: "?", Hop: CallerHop, Cause: "no answer: connection refused"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := &trace.Request{Sample: &test.sample}
			if test.router != nil {
				q.Routers = []trace.LogEntry{*test.router}
			}
			if test.server != nil {
				q.Servers = []trace.LogEntry{*test.server}
			}
			got, failed := FailureOf(q)
			if failed == test.none || got != test.want {
				t.Errorf("got  %+v, %t\nwant %+v", got, failed, test.want)
			}
		})
	}
}

// A request belongs to a window if it was sent on its first instant, and not if on its last.
func TestObserveEdges(t *testing.T) {
	tr := &trace.Trace{Events: []trace.Event{
		{At: labtrace.At(0), Kind: trace.PhaseStart, Phase: "p"},
		{At: labtrace.At(100), Kind: trace.Settled, Phase: "p"},
		{At: labtrace.At(200), Kind: trace.PhaseEnd, Phase: "p"},
		{At: labtrace.At(300), Kind: trace.PhaseStart, Phase: "never settled"},
		{At: labtrace.At(400), Kind: trace.PhaseStart, Phase: "cut short"},
		{At: labtrace.At(450), Kind: trace.Settled, Phase: "cut short"},
	}}
	for _, ms := range []float64{-1, 0, 99, 100, 199, 200, 299, 300, 399, 400, 449, 450, 999} {
		// Due lies elsewhere: Sent decides.
		tr.Samples = append(tr.Samples, loadgen.Sample{
			ID: fmt.Sprint(ms), Due: labtrace.At(-500), Sent: labtrace.At(ms), Done: labtrace.At(ms + 1000), Code: 200,
		})
	}
	obs := analyze(tr, []PhaseSpec{{Name: "p"}, {Name: "never settled"}, {Name: "cut short"}, {Name: "never began"}},
		loadgen.Plan{}).Observations
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
	tr := &trace.Trace{Events: []trace.Event{
		{At: labtrace.At(0), Kind: trace.PhaseStart, Phase: "p"},
		{At: labtrace.At(100), Kind: trace.Settled, Phase: "p", Counters: map[string]uint64{
			"v1": 100, "v2": 7, "v3": 5,
		}},
		{At: labtrace.At(200), Kind: trace.PhaseEnd, Phase: "p", Counters: map[string]uint64{
			"v1": 150, "v2": 7, "v3": 1, "v4": 2,
		}},
	}}
	got := analyze(tr, []PhaseSpec{{Name: "p"}}, loadgen.Plan{}).Observations[0].Received
	if want := (map[string]uint64{"v1": 50, "v2": 0}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v: v3 began anew, v4 was not read before", got, want)
	}
	tr.Events[1].Counters = nil
	if got := analyze(tr, []PhaseSpec{{Name: "p"}}, loadgen.Plan{}).Observations[0].Received; got != nil {
		t.Errorf("with one reading: got %v, want nil", got)
	}
}

// A request that was sent before the phase settled, and reached the app after the counters were read, is no
// request of the settled phase.
func TestObserveUnderWay(t *testing.T) {
	sample := func(seq uint64, version string, sent, done float64) loadgen.Sample {
		return loadgen.Sample{
			Cohort: "c", Seq: seq, Version: version, Code: 200, Due: labtrace.At(sent), Sent: labtrace.At(sent),
			Done: labtrace.At(done),
		}
	}
	tr := &trace.Trace{
		Events: []trace.Event{
			{At: labtrace.At(0), Kind: trace.PhaseStart, Phase: "before"},
			{At: labtrace.At(1), Kind: trace.Settled, Phase: "before"},
			{At: labtrace.At(50), Kind: trace.PhaseEnd, Phase: "before"},
			{At: labtrace.At(50), Kind: trace.PhaseStart, Phase: "p"},
			{At: labtrace.At(100), Reading: labtrace.At(95), Kind: trace.Settled, Phase: "p"},
			{At: labtrace.At(200), Kind: trace.PhaseEnd, Phase: "p"},
		},
		Samples: []loadgen.Sample{
			sample(0, "v2", 40, 101), // of an earlier phase
			sample(1, "v2", 60, 94),  // done before the reading
			sample(2, "v2", 60, 96),  // done while it went on
			sample(3, "v1", 99, 150),
			sample(4, "v2", 100, 150), // of the settled phase
			sample(5, "", 60, 150),    // nobody's
		},
	}
	got := analyze(tr, []PhaseSpec{{Name: "before"}, {Name: "p"}}, loadgen.Plan{}).Observations[1].UnderWay
	if want := (map[string]int{"v1": 1, "v2": 2}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Whatever was recorded, every request is counted once, and every way to count it adds up.
func TestObserveAddsUp(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	for run := range 200 {
		tr := &trace.Trace{}
		var phases []PhaseSpec
		now := 0.0
		for i := range random.IntN(5) {
			p := PhaseSpec{Name: fmt.Sprint(i), Rollback: random.IntN(2) == 0, Canary: "v2"}
			phases = append(phases, p)
			for _, k := range []trace.Kind{
				trace.PhaseStart, trace.Writing, trace.Written, trace.Synced, trace.Settled, trace.PhaseEnd,
			} {
				now += random.Float64() * 100
				if random.IntN(10) > 0 {
					tr.Events = append(tr.Events, trace.Event{At: labtrace.At(now), Kind: k, Phase: p.Name})
				}
			}
			now += random.Float64() * 20
		}
		for i := range random.IntN(400) {
			sent := random.Float64()*(now+200) - 100
			id := fmt.Sprintf("r-%d", i)
			tr.Samples = append(tr.Samples, loadgen.Sample{
				ID: id, Cohort: pick("a", "b", "c"), Version: pick("v1", "v2", ""),
				Code: []int{0, 200, 404, 503}[random.IntN(4)],
				Due:  labtrace.At(sent), Sent: labtrace.At(sent), Done: labtrace.At(sent + 10*random.Float64()),
			})
			if random.IntN(3) > 0 {
				e := trace.LogEntry{ID: id}
				if flag := pick("", "UH", "UF"); flag != "" {
					e.Flags = []string{flag}
				}
				tr.Log = append(tr.Log, e)
			}
		}
		a := analyze(tr, phases, loadgen.Plan{Run: "r"})
		obs := a.Observations
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
		if b := a.Accounting; all+b.Outside != len(tr.Samples) || b.Outside < 0 {
			t.Errorf("run %d: got %d in phases and %d outside, want %d together", run, all, b.Outside, len(tr.Samples))
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
		if loadgen.Failed(f.Code) {
			failed += f.Count
		}
	}
	got := [...]int{sum(c.Versions), sum(c.Codes), latencies, sum(c.Flags), failed}
	want := [...]int{c.Requests, c.Requests, c.Requests, failures, c.Failed.Count}
	if got != want {
		t.Errorf("by version, code, latency, flag, failed: got %d, want %d", got, want)
	}
}
