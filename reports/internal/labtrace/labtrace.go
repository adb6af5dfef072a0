// Package labtrace has traces built by hand, for the tests of analysis and of reports.
package labtrace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// Start is when the hand-built run began.
var Start = time.Date(2026, 11, 23, 6, 1, 2, 0, time.UTC)

// At is a moment of the run, in milliseconds after t0.
func At(ms float64) time.Time { return Start.Add(time.Duration(ms * float64(time.Millisecond))) }

// Plan is the hand-built run's load.
var Plan = loadgen.Plan{
	Run: "r1", URL: "http://my-service/", Duration: time.Minute,
	Cohorts: []loadgen.Cohort{
		{Name: "plain", Rate: 200},
		{Name: "beta", Rate: 50, Header: map[string]string{"X-User-Group": "beta"}},
	},
}

// Trace is a label mismatch, built by hand: a phase takes 5 s and settles after 0.5 s; its write is accepted at
// 100 ms, and the one proxy takes it over at 210 ms. While the canary is out, 20 % of the requests get 503 UH. The beta
// cohort meets the same as everyone.
func Trace() *trace.Trace {
	t := &trace.Trace{Pods: []trace.Pod{
		{Name: "client-1", Role: trace.CallerRole, IP: "10.244.0.6", Sidecar: true},
		{
			Name: "v1-1", Role: trace.AppRole, IP: "10.244.0.7", Version: "v1", Sidecar: true,
			Instances: []trace.Instance{{Name: "lifev1", Base: 7, Received: 7, Final: true}},
		},
		{
			Name: "v2-1", Role: trace.AppRole, IP: "10.244.0.8", Version: "v2", Sidecar: true,
			Instances: []trace.Instance{{Name: "lifev2", Final: true}},
		},
	}}
	for i := range 20 {
		t.Health = append(t.Health, loadgen.Health{
			At: At(float64(i) * 1000), Took: time.Second, CPU: 60 * time.Millisecond, Cores: 2,
			RunDelay: 4 * time.Millisecond, Stall: 3 * time.Millisecond,
			StallAt: At(float64(i)*1000 - 300),
		})
	}
	event := func(ms float64, k trace.Kind, phase, proxy, text string) {
		t.Events = append(t.Events, trace.Event{At: At(ms), Kind: k, Phase: phase, Proxy: proxy, Text: text})
	}
	event(-500, trace.LoadStart, "", "", "")
	for i, phase := range []string{"baseline", "canary", "rollback", "fixed"} {
		start := float64(i) * 5000
		event(start, trace.PhaseStart, phase, "", "")
		if i > 0 {
			event(start+88, trace.Writing, phase, "", "")
			event(start+100, trace.Written, phase, "", "kubectl apply")
			event(start+200, trace.Noticed, phase, "", "VirtualService/demo/my-service")
			event(start+204, trace.Pushed, phase, "client-1", "RDS")
			event(start+210, trace.Synced, phase, "client-1", "")
		}
		event(start+500, trace.Settled, phase, "", "")
		event(start+5000, trace.PhaseEnd, phase, "", "")
	}
	event(20000, trace.LoadStop, "", "", "")

	for _, s := range requests() {
		AddRequest(t, s.sample, s.entry)
	}
	return t
}

// sent is a request with the entry of the caller's proxy.
type sent struct {
	sample loadgen.Sample
	entry  trace.LogEntry
}

// requests are those of the plan, in the order in which they are due.
func requests() (all []sent) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range Plan.Cohorts {
		period := 1000 / float64(c.Rate)
		for seq := range 205 * c.Rate / 10 { // from half a second before the first phase to the end of the last
			due := -500 + float64(seq)*period
			s := loadgen.Sample{
				Cohort: c.Name, Seq: uint64(seq), ID: fmt.Sprintf("r1-%s-%d", c.Name, seq),
				Due: At(due), Sent: At(due + 0.05), Done: At(due + 1 + random.ExpFloat64()),
				Code: 200, Version: "v1", Bytes: 3,
			}
			e := trace.LogEntry{
				ID: s.ID, Proxy: "client-1", Start: At(due + 0.1), Took: s.Done.Sub(s.Sent), Code: 200,
				Details: "via_upstream",
				Cluster: "outbound|80|v1|my-service.demo.svc.cluster.local", Attempts: 1,
			}
			canary := random.Float64() < 0.2
			switch {
			case !canary || due < 5210:
			case due < 10210:
				s.Code, s.Version = 503, ""
				e.Code, e.Flags, e.Details = 503, []string{"UH"}, "no_healthy_upstream"
				e.Cluster = "outbound|80|v2|my-service.demo.svc.cluster.local"
			case due >= 15210:
				s.Version = "v2"
				e.Cluster = "outbound|80|v2|my-service.demo.svc.cluster.local"
			}
			all = append(all, sent{s, e})
		}
	}
	slices.SortStableFunc(all, func(a, b sent) int { return a.sample.Due.Compare(b.sample.Due) })
	return all
}

// AddRequest adds a request to a trace, with what its way makes it leave behind: where a version answered, the
// entry of the pod's own proxy and the app's count.
func AddRequest(t *trace.Trace, s loadgen.Sample, e trace.LogEntry) {
	for i := range t.Pods {
		p := &t.Pods[i]
		if s.Version == "" || p.Version != s.Version {
			continue
		}
		life := &p.Instances[0]
		life.Received++
		s.Pod, s.Serial = p.Name, sampleapp.Serial(life.Name, life.Received)
		e.Upstream, e.Reached, e.Version, e.Serial = p.IP+":8080", 50*time.Microsecond, s.Version, s.Serial
		if p.Sidecar {
			server := e
			server.Proxy, server.Side, server.Cluster, server.Start = p.Name, trace.ServerSide, "inbound|8080||",
				e.Start.Add(100*time.Microsecond)
			t.Log = append(t.Log, server)
		}
	}
	t.Samples = append(t.Samples, s)
	t.Log = append(t.Log, e)
}
