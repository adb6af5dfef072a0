package labtrace

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// LivePlan is the load of Live, at a rate a second.
func LivePlan(rate int) loadgen.Plan {
	return loadgen.Plan{
		Run: "live01", URL: "http://my-service/", Duration: time.Minute,
		Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: rate}},
	}
}

// A LivePhase is one of Live: it begins at a second of the load, and its change takes effect at the proxies.
type LivePhase struct {
	Name, Did, Brief, Object string
	// From is in seconds.
	From float64
	// Canary is the share of the requests that the canary's subset gets, in percent.
	Canary float64
	// Broken tells that the subset has no host.
	Broken bool
}

// LivePhases are those of Live; the load ends LiveSeconds after its beginning.
var LivePhases = []LivePhase{
	{Name: "baseline"},
	{
		Name: "canary at 10 %", Did: "kubectl apply -f 2-canary.yaml", Brief: "apply 2-canary",
		Object: "VirtualService/demo/my-service", From: 4, Canary: 10, Broken: true,
	},
	{
		Name: "rollback", Did: "kubectl apply the VirtualService of 1-baseline.yaml",
		Brief: "apply route of 1-baseline", Object: "VirtualService/demo/my-service", From: 9,
	},
	{
		Name: "subset fixed", Did: "kubectl apply -f 3-fixed.yaml", Brief: "apply 3-fixed",
		Object: "DestinationRule/demo/my-service", From: 12,
	},
	{
		Name: "canary at 10 % again", Did: "kubectl apply -f 4-canary-again.yaml", Brief: "apply 4-canary-again",
		Object: "VirtualService/demo/my-service", From: 14, Canary: 10,
	},
}

// LiveSeconds is how long the load of Live lasts.
const LiveSeconds = 19

// Live is a label mismatch with two callers' and two app's proxies, in the order in which a run records it: an answer
// is known 60 ms after it came, and a phase's bounds right after they were. Each of the callers' proxies takes a change
// over at a moment of its own.
func Live(rate int) []trace.Line {
	t := &trace.Trace{Pods: []trace.Pod{
		{Name: "client-1", Role: trace.CallerRole, IP: "10.244.0.5", Sidecar: true},
		{Name: "client-2", Role: trace.CallerRole, IP: "10.244.0.6", Sidecar: true},
		{
			Name: "v1-1", Role: trace.AppRole, IP: "10.244.0.7", Version: "v1", Sidecar: true,
			Instances: []trace.Instance{{Name: "lifev1"}},
		},
		{
			Name: "v2-1", Role: trace.AppRole, IP: "10.244.0.8", Version: "v2", Sidecar: true,
			Instances: []trace.Instance{{Name: "lifev2"}},
		},
	}}
	known := slices.Clone(t.Pods)
	for i := range known {
		known[i].Instances = slices.Clone(known[i].Instances)
	}
	events := liveEvents()
	random := rand.New(rand.NewPCG(5, 6))
	var timed []timedLine
	for seq := range LiveSeconds * rate {
		due := 1000 * float64(seq) / float64(rate)
		s, e := liveRequest(random, seq, due)
		entries := len(t.Log)
		AddRequest(t, s, e)
		sample := t.Samples[len(t.Samples)-1]
		timed = append(timed, timedLine{due + 60, trace.Line{Sample: &sample}})
		for _, entry := range t.Log[entries:] {
			timed = append(timed, timedLine{due + 100, trace.Line{Log: &entry}})
		}
	}
	for _, e := range events {
		timed = append(timed, timedLine{float64(e.At.Sub(Start).Microseconds())/1000 + 1, trace.Line{Event: &e}})
	}
	slices.SortStableFunc(timed, func(a, b timedLine) int { return cmp.Compare(a.ms, b.ms) })
	var all []trace.Line
	for i := range known {
		all = append(all, trace.Line{Pod: &known[i]})
	}
	for _, l := range timed {
		all = append(all, l.line)
	}
	for i := range t.Pods {
		for j := range t.Pods[i].Instances {
			t.Pods[i].Instances[j].Final = true
		}
		all = append(all, trace.Line{Pod: &t.Pods[i]})
	}
	return all
}

// liveRequest is the request of Live that is due at a moment in ms, as the client and its proxy record it.
func liveRequest(random *rand.Rand, seq int, due float64) (loadgen.Sample, trace.LogEntry) {
	caller := []string{"client-1", "client-2"}[seq%2]
	s := loadgen.Sample{
		Cohort: "everyone", Seq: uint64(seq), ID: fmt.Sprintf("live01-everyone-%d", seq), Due: At(due),
		Sent: At(due + 0.05), Done: At(due + 1 + 2*random.ExpFloat64()), Code: 200, Version: "v1", Bytes: 3,
	}
	e := trace.LogEntry{
		ID: s.ID, Proxy: caller, Start: At(due + 0.1), Took: s.Done.Sub(s.Sent), Code: 200,
		Details: trace.ViaUpstream, Cluster: "outbound|80|v1|my-service.demo.svc.cluster.local", Attempts: 1,
	}
	for i, p := range LivePhases {
		// The second caller's proxy is 60 ms later.
		if i == 0 || due < 1000*p.From+210+60*float64(seq%2) {
			continue
		}
		s.Code, s.Version, e.Code, e.Flags, e.Details = 200, "v1", 200, nil, trace.ViaUpstream
		if random.Float64()*100 >= p.Canary {
			continue
		}
		e.Cluster = "outbound|80|v2|my-service.demo.svc.cluster.local"
		s.Version = "v2"
		if p.Broken {
			s.Code, s.Version = 503, ""
			e.Code, e.Flags, e.Details = 503, []string{"UH"}, "no_healthy_upstream"
		}
	}
	return s, e
}

type timedLine struct {
	ms   float64
	line trace.Line
}

// liveEvents are the moments of Live.
func liveEvents() (all []trace.Event) {
	add := func(ms float64, e trace.Event) {
		e.At = At(ms)
		all = append(all, e)
	}
	add(0, trace.Event{Kind: trace.LoadStart})
	for i, p := range LivePhases {
		start := 1000 * p.From
		add(start, trace.Event{Kind: trace.PhaseStart, Phase: p.Name, Text: p.Did})
		if i > 0 {
			add(start+88, trace.Event{Kind: trace.Writing, Phase: p.Name, Text: p.Did})
			add(start+100, trace.Event{Kind: trace.Written, Phase: p.Name, Text: p.Did})
			add(start+200, trace.Event{Kind: trace.Noticed, Phase: p.Name, Text: p.Object})
			for n, proxy := range []string{"client-1", "client-2", "v1-1", "v2-1"} {
				at := start + 210 + 60*float64(n)
				add(at-6, trace.Event{Kind: trace.Pushed, Phase: p.Name, Proxy: proxy, Text: "RDS"})
				add(at, trace.Event{Kind: trace.Synced, Phase: p.Name, Proxy: proxy})
			}
		}
		add(start+500, trace.Event{Kind: trace.Settled, Phase: p.Name})
		end := 1000.0 * LiveSeconds
		if i+1 < len(LivePhases) {
			end = 1000 * LivePhases[i+1].From
		}
		add(end, trace.Event{Kind: trace.PhaseEnd, Phase: p.Name})
	}
	add(1000*LiveSeconds, trace.Event{Kind: trace.LoadStop})
	return all
}
