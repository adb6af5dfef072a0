package reports

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

// t0 is when the hand-built run began.
var t0 = time.Date(2026, 11, 23, 6, 1, 2, 0, time.UTC)

// at is a moment of the run, in milliseconds after t0.
func at(ms float64) time.Time { return t0.Add(time.Duration(ms * float64(time.Millisecond))) }

// labPlan is the hand-built run's load.
var labPlan = loadgen.Plan{
	Run: "r1", URL: "http://my-service/", Duration: time.Minute,
	Cohorts: []loadgen.Cohort{
		{Name: "plain", Rate: 200},
		{Name: "beta", Rate: 50, Header: map[string]string{"X-User-Group": "beta"}},
	},
}

// labPhases are the hand-built run's phases.
var labPhases = []PhaseSpec{
	{Name: "baseline"},
	{Name: "canary"},
	{Name: "rollback", Rollback: true, Canary: "v2"},
	{Name: "fixed"},
}

// labTrace is a label mismatch, built by hand: a phase takes 5 s and settles after 0.5 s; its write is accepted at
// 100 ms, and the one proxy takes it over at 210 ms. While the canary is out, 20 % of the requests get 503 UH. The beta
// cohort meets the same as everyone.
func labTrace() *Trace {
	t := &Trace{Pods: []Pod{
		{Name: "client-1", Role: CallerRole, IP: "10.244.0.6", Sidecar: true},
		{Name: "v1-1", Role: AppRole, IP: "10.244.0.7", Version: "v1", Sidecar: true, Instances: []Instance{{Name: "lifev1", Base: 7, Received: 7, Final: true}}},
		{Name: "v2-1", Role: AppRole, IP: "10.244.0.8", Version: "v2", Sidecar: true, Instances: []Instance{{Name: "lifev2", Final: true}}},
	}}
	for i := range 20 {
		t.Health = append(t.Health, loadgen.Health{
			At: at(float64(i) * 1000), Took: time.Second, CPU: 60 * time.Millisecond, Cores: 2, RunDelay: 4 * time.Millisecond, Stall: 3 * time.Millisecond,
			StallAt: at(float64(i)*1000 - 300),
		})
	}
	event := func(ms float64, k Kind, phase, proxy, text string) {
		t.Events = append(t.Events, Event{At: at(ms), Kind: k, Phase: phase, Proxy: proxy, Text: text})
	}
	event(-500, LoadStart, "", "", "")
	for i, p := range labPhases {
		start := float64(i) * 5000
		event(start, PhaseStart, p.Name, "", "")
		if i > 0 {
			event(start+88, Writing, p.Name, "", "")
			event(start+100, Written, p.Name, "", "kubectl apply")
			event(start+200, Noticed, p.Name, "", "VirtualService/demo/my-service")
			event(start+204, Pushed, p.Name, "client-1", "RDS")
			event(start+210, Held, p.Name, "client-1", "")
		}
		event(start+500, Settled, p.Name, "", "")
		event(start+5000, PhaseEnd, p.Name, "", "")
	}
	event(20000, LoadStop, "", "", "")

	random := rand.New(rand.NewPCG(1, 2))
	type sent struct {
		sample loadgen.Sample
		entry  LogEntry
	}
	var all []sent
	for _, c := range labPlan.Cohorts {
		period := 1000 / float64(c.Rate)
		for seq := range 205 * c.Rate / 10 { // from half a second before the first phase to the end of the last
			due := -500 + float64(seq)*period
			s := loadgen.Sample{
				Cohort: c.Name, Seq: uint64(seq), ID: fmt.Sprintf("r1-%s-%d", c.Name, seq),
				Due: at(due), Sent: at(due + 0.05), Done: at(due + 1 + random.ExpFloat64()),
				Code: 200, Version: "v1", Bytes: 3,
			}
			e := LogEntry{
				ID: s.ID, Proxy: "client-1", Start: at(due + 0.1), Took: s.Done.Sub(s.Sent), Code: 200, Details: "via_upstream",
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
	for _, s := range all {
		t.request(s.sample, s.entry)
	}
	return t
}

// request adds a request to a trace, with what its way makes it leave behind: where a version answered, the entry of the pod's
// own proxy and the app's count.
func (t *Trace) request(s loadgen.Sample, e LogEntry) {
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
			server.Proxy, server.Side, server.Cluster, server.Start = p.Name, ServerSide, "inbound|8080||", e.Start.Add(100*time.Microsecond)
			t.Log = append(t.Log, server)
		}
	}
	t.Samples = append(t.Samples, s)
	t.Log = append(t.Log, e)
}

// analyze is Analyze on a trace in memory.
func analyze(t *Trace, phases []PhaseSpec, plan loadgen.Plan) *Analysis {
	a, err := Analyze(t, Spec{Plan: plan, Phases: phases})
	if err != nil {
		panic(err)
	}
	return a
}

// labReport is the report of labTrace.
func labReport() *Report {
	analysis := analyze(labTrace(), labPhases, labPlan)
	obs := analysis.Observations
	r := &Report{
		Scenario: "label-mismatch", Title: "A subset whose labels match no pod turns the canary's share into 503s", Run: "20261123-060102",
		Story: "The team that deploys labels its pods version: v2.0. The team that routes writes version: v2 into the " +
			"DestinationRule. Istio accepts both.",
		Started: t0, Took: 23400 * time.Millisecond,
		Setup: Setup{
			Provider: "embedded", Why: "no Docker daemon answers", Cluster: "canarylab", Kubernetes: "1.37.2", Istio: "1.31.0",
			Envoy: "1.40.0", Canarylab: "0.1.0", CPUs: 2, Memory: 24 << 30, Kernel: "6.18.2", Load: labPlan,
		},
		BringUp: []Step{
			{"namespaces", 0, 120 * time.Millisecond},
			{"containerd", 120 * time.Millisecond, 800 * time.Millisecond},
			{"etcd and API server", 120 * time.Millisecond, 3100 * time.Millisecond},
			{"istiod ready", 3220 * time.Millisecond, 7400 * time.Millisecond},
		},
		Cause: "The subset v2 selects pods with version: v2, and the canary's pods have version: v2.0. Envoy has no endpoint for " +
			"the subset and answers its share of the requests by itself.",
		Fix:   "Make the subset's label the one that the pods have, and apply the DestinationRule before any weight goes to it.",
		Notes: []string{"The first half second of load was warm-up."},
		Files: []File{{ReportFile, "this report, for programs"}, {TraceFile, "every event, request and access log entry"}},
	}
	did := []string{"kubectl apply -f 1-baseline.yaml", "kubectl apply -f 2-canary.yaml", "kubectl apply -f 1-baseline.yaml (rollback)",
		"kubectl apply -f 3-fixed.yaml"}
	claim := func(o Observation, cohort, subject string, percent float64, count int, outcome Outcome, why string) Verdict {
		s := NewShare(count, o.Settled.Of(cohort).Requests)
		return Verdict{
			Want: fmt.Sprintf("%g %% of requests: %s", percent, subject), Saw: s.String(), Outcome: outcome, Why: why,
			Claim: &Claim{Cohort: cohort, Subject: subject, Percent: percent, Seen: s},
		}
	}
	for i, o := range obs {
		p := Phase{Name: o.Phase, Did: did[i], Observation: o}
		c := o.Settled.Total
		switch i {
		case 1:
			p.Verdicts = []Verdict{
				claim(o, "", "v1", 80, c.Versions["v1"], Pass, ""),
				claim(o, "", "v2", 0, c.Versions["v2"], Pass, ""),
				claim(o, "", "503 UH", 20, c.Flags["503 UH"], Pass, ""),
			}
		case 2:
			p.Verdicts = []Verdict{{
				Want: "the rollback is effective within 100ms", Saw: o.Rollback.String(), Outcome: Fail,
				Why: "an affected request was sent too long after the write was accepted",
			}}
		case 3:
			p.Verdicts = []Verdict{
				claim(o, "", "v2", 20, c.Versions["v2"], Pass, ""),
				claim(o, "beta", "v2", 20, o.Settled.Of("beta").Versions["v2"], Inconclusive, "225 requests are too few"),
			}
		}
		r.Phases = append(r.Phases, p)
	}
	r.Books, r.Timeline, r.Curves = analysis.Books, analysis.Timeline, analysis.Curves
	r.Conclude()
	return r
}

// sum adds a map's counts.
func sum[K comparable](m map[K]int) int {
	total := 0
	for _, n := range m {
		total += n
	}
	return total
}
