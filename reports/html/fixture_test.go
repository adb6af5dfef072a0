package html

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// t0 is when the hand-built run began.
var t0 = time.Date(2026, 11, 23, 6, 1, 2, 0, time.UTC)

func at(ms float64) time.Time { return t0.Add(time.Duration(ms * float64(time.Millisecond))) }

// plan is the hand-built run's load.
func plan() loadgen.Plan {
	return loadgen.Plan{
		Run: "r1", URL: "http://my-service/", Duration: time.Minute,
		Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 100}, {
			Name: "beta", Rate: 20, Header: map[string]string{"x-user-group": "beta"},
		}},
	}
}

// mismatch is a label mismatch, built by hand as it is recorded: four phases of 4 s with a change at 100 ms
// that the proxies hold at 210 ms. While the canary is out, a fifth of the requests get 503 UH.
func mismatch() (*trace.Trace, []analysis.PhaseSpec) {
	specs := []analysis.PhaseSpec{
		{Name: "baseline"}, {Name: "canary at 20 %"}, {Name: "rollback", Rollback: true, Canary: "v2"},
		{Name: "subset fixed"},
	}
	t := &trace.Trace{Pods: []trace.Pod{
		{Name: "client-1", Role: trace.CallerRole, IP: "10.0.0.6", Sidecar: true},
		{
			Name: "v1-1", Role: trace.AppRole, IP: "10.0.0.7", Version: "v1",
			Instances: []trace.Instance{{Name: "life1", Final: true}},
		},
		{
			Name: "v2-1", Role: trace.AppRole, IP: "10.0.0.8", Version: "v2",
			Instances: []trace.Instance{{Name: "life2", Final: true}},
		},
	}}
	event := func(ms float64, k trace.Kind, phase, proxy string) {
		t.Events = append(t.Events, trace.Event{At: at(ms), Kind: k, Phase: phase, Proxy: proxy})
	}
	event(0, trace.LoadStart, "", "")
	for i, p := range specs {
		start := float64(i) * 4000
		event(start, trace.PhaseStart, p.Name, "")
		if i > 0 {
			event(start+90, trace.Writing, p.Name, "")
			event(start+100, trace.Written, p.Name, "")
			event(start+190, trace.Noticed, p.Name, "")
			event(start+200, trace.Pushed, p.Name, "client-1")
			event(start+210, trace.Synced, p.Name, "client-1")
			event(start+235, trace.Synced, p.Name, "v1-1")
		}
		event(start+400, trace.Settled, p.Name, "")
		event(start+4000, trace.PhaseEnd, p.Name, "")
	}
	event(16000, trace.LoadStop, "", "")
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range plan().Cohorts {
		for seq := range 16 * c.Rate {
			due := float64(seq) * 1000 / float64(c.Rate)
			s := loadgen.Sample{
				Cohort: c.Name, Seq: uint64(seq), ID: fmt.Sprintf("r1-%s-%d", c.Name, seq), Due: at(due),
				Sent: at(due + 0.05),
				Done: at(due + 1 + 2*random.ExpFloat64()), Code: 200, Version: "v1", Bytes: 3,
			}
			e := trace.LogEntry{
				ID: s.ID, Proxy: "client-1", Start: at(due + 0.1), Took: time.Millisecond, Code: 200,
				Details: trace.ViaUpstream,
				Cluster: "outbound|80|v1|my-service.demo.svc.cluster.local", Attempts: 1,
			}
			switch canary := random.Float64() < 0.2; {
			case !canary || due < 4210:
			case due < 8210:
				s.Code, s.Version = 503, ""
				e.Code, e.Flags, e.Details, e.Cluster = 503, []string{"UH"}, "no_healthy_upstream",
					"outbound|80|v2|my-service.demo.svc.cluster.local"
			case due >= 12210:
				s.Version, e.Cluster = "v2", "outbound|80|v2|my-service.demo.svc.cluster.local"
			}
			for i := range t.Pods {
				if p := &t.Pods[i]; p.Version == s.Version && s.Version != "" {
					p.Instances[0].Received++
					s.Pod, s.Serial = p.Name, sampleapp.Serial(p.Instances[0].Name, p.Instances[0].Received)
					e.Upstream, e.Version, e.Serial = p.IP+":8080", s.Version, s.Serial
				}
			}
			t.Samples, t.Log = append(t.Samples, s), append(t.Log, e)
		}
	}
	return t, specs
}

// story is the report of mismatch.
func story(t testing.TB) *reports.Report {
	t.Helper()
	recorded, specs := mismatch()
	a, err := analysis.Analyze(recorded, analysis.Spec{Plan: plan(), Phases: specs})
	if err != nil {
		t.Fatal(err)
	}
	r := &reports.Report{
		Schema: reports.Schema, Scenario: "label-mismatch",
		Title: "A subset whose labels match no pod turns the canary's share into 503s", Run: "r1", Started: t0,
		Story: "v2 runs and is ready. The route gives it 20 %, and the subset asks for a label that no pod has.",
		Took:  21 * time.Second,
		Setup: reports.Setup{
			Provider: "embedded", Why: "no daemon answers", Cluster: "lab", Kubernetes: "1.37.2", Istio: "1.31.0",
			Envoy: "1.40.0", Canarylab: "0.1.0", CPUs: 2,
			Memory: 24 << 30, Kernel: "6.18.2", Load: plan(), About: []string{"The node is made of namespaces."},
		},
		Cause: "The subset v2 asks for the label version: v2.0, and no pod has it. Envoy has no endpoint for it " +
			"and answers by itself.",
		Source: "endpoint_builder.go", See: []string{"kubectl get pods --show-labels"},
		Fix: "Roll back first, then make the labels equal.", Back: "One kubectl apply.",
		Notes: []string{
			"istioctl analyze, on the cluster: IST0173 no pod has the subset's labels", "The callers warmed up for 3s.",
		},
		Files: []reports.File{{Path: trace.PlainFile, What: "every event"}, {Path: "manifests/callers.yaml"}, {
			Path: "manifests/1-baseline.yaml", What: "applied as it is",
		},
			{Path: "manifests/2-canary.yaml"}, {Path: "manifests/3-fixed.yaml"}},
		Accounting: a.Accounting, Timeline: a.Timeline, Curves: a.Curves,
	}
	did := []string{
		"kubectl apply -f 1-baseline.yaml", "kubectl apply -f 2-canary.yaml",
		"kubectl apply the VirtualService of 1-baseline.yaml", "kubectl apply -f 3-fixed.yaml",
	}
	actions := []reports.Action{
		{Kind: "apply", File: "1-baseline.yaml"}, {Kind: "apply", File: "2-canary.yaml"},
		{Kind: "revert", File: "1-baseline.yaml", Only: []string{"VirtualService"}},
		{Kind: "apply", File: "3-fixed.yaml"},
	}
	r.Findings = r.Notes[:1]
	for i, o := range a.Observations {
		p := reports.Phase{Name: o.Phase, Did: did[i], Action: &actions[i], Observation: o}
		p.Breaks, p.Fixes = i == 1, i == 3
		claim := func(cohort, subject string, percent float64, outcome reports.Outcome) {
			c := o.Settled.Of(cohort)
			n := c.Versions[subject]
			if subject == "503 UH" {
				n = c.Flags[subject]
			}
			seen := analysis.NewShare(n, c.Requests)
			want := percent / 100 * float64(c.Requests)
			p.Verdicts = append(p.Verdicts, reports.Verdict{
				Want: fmt.Sprintf("%g %% of all requests: %s", percent, subject), Saw: seen.String(), Outcome: outcome,
				Claim: &reports.Claim{
					Cohort: cohort, Subject: subject, Percent: percent, Seen: seen, Low: int(want * 0.8),
					High: min(int(want*1.2), c.Requests),
				},
			})
		}
		switch i {
		case 0, 2:
			claim("", "v1", 100, reports.Pass)
		case 1:
			p.Verdicts = append(p.Verdicts, reports.Verdict{
				Want: "istioctl analyze finds IST0173", Saw: "IST0173", Outcome: reports.Pass, Proof: true,
			})
			claim("", "503 UH", 20, reports.Pass)
			claim("", "v1", 80, reports.Pass)
		case 3:
			claim("", "v2", 20, reports.Pass)
			claim("beta", "v2", 20, reports.Inconclusive)
			p.Verdicts[1].Why = "too few requests"
		}
		r.Phases = append(r.Phases, p)
	}
	r.Conclude()
	return r
}

const (
	baseline = `# Deploys v1 and v2, and sends everything to v1.
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: my-service
spec:
  subsets:
  - name: v2
    labels:
      version: v2
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: my-service
spec:
  http:
  - route:
    - destination: {host: my-service, subset: v1}
      weight: 100
`
	canary = `# Moves 20 % of the requests to the canary.
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: my-service
spec:
  subsets:
  - name: v2
    labels:
      version: v2.0 # no pod has this label
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: my-service
spec:
  http:
  - route:
    - destination: {host: my-service, subset: v1}
      weight: 80
    - destination: {host: my-service, subset: v2}
      weight: 20
`
	fixed = `# Writes the subset with the label that its pods have.
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: my-service
spec:
  subsets:
  - name: v2
    labels:
      version: v2
`
)

// open puts a report, with manifests, into a folder without a trace, and opens it.
func open(t testing.TB, r *reports.Report, manifests map[string]string) *reports.Run {
	t.Helper()
	dir := t.TempDir()
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range manifests {
		if err := os.WriteFile(filepath.Join(dir, "manifests", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run, err := reports.OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	run.Dir = "" // no machine's path into a golden file
	return run
}

// storyRun is story with its manifests.
func storyRun(t testing.TB, r *reports.Report) *reports.Run {
	return open(t, r, map[string]string{
		"1-baseline.yaml": baseline, "2-canary.yaml": canary, "3-fixed.yaml": fixed,
		"callers.yaml": "kind: Deployment\n",
	})
}

// long is ten minutes of 1,000 requests a second in 20 phases, as a report has them.
func long() *reports.Report {
	random := rand.New(rand.NewPCG(3, 4))
	series := func(bins, mean int) analysis.Series {
		s := analysis.Series{Counts: make([]int, bins)}
		for i := range s.Counts {
			s.Counts[i] = 1 + mean - mean/8 + random.IntN(mean/4+1)
		}
		return s
	}
	timeline := func(start time.Time, bins int, binMS float64, each int) *analysis.Timeline {
		t := &analysis.Timeline{Start: start, BinMS: binMS, Bins: bins}
		for _, k := range []struct {
			version, flag string
			part          int
		}{{"v1", "", each * 7 / 10}, {"v2", "", each * 2 / 10}, {"", "503 UH", each / 20}, {"v2", "503 -", each / 20}} {
			s := series(bins, k.part)
			s.Version, s.Flag = k.version, k.flag
			t.Series = append(t.Series, s)
		}
		return t
	}
	r := &reports.Report{
		Schema: reports.Schema, Scenario: "long", Title: "Ten minutes at 1,000 requests a second", Run: "r1",
		Started: t0, Setup: reports.Setup{Load: plan(), Provider: "embedded"},
		Timeline: timeline(t0, 6000, 100, 100), Outcome: reports.Pass,
	}
	for i := range 20 {
		start := t0.Add(time.Duration(i) * 30 * time.Second)
		counts := analysis.Counts{
			Requests: 29_500, Versions: map[string]int{"v1": 20_650, "v2": 7_375, "": 1_475},
			Codes: map[int]int{200: 26_550, 503: 2_950}, Failed: analysis.NewShare(2_950, 29_500),
			Flags: map[string]int{"503 UH": 1_475, "503 -": 1_475},
			Failures: []analysis.Failure{
				{
					Code: 503, Flag: "UH", Hop: analysis.ClientHop, Origin: "UH", Cause: "no healthy host",
					Subset: "v2", Count: 1_475,
				},
				{
					Code: 503, Flag: "-", Hop: analysis.AppHop, Origin: "-", Cause: "the app itself answered so",
					Version: "v2", Count: 1_475,
				},
			},
			Latency: map[string]analysis.Latency{
				"v1": {N: 20_650, P50: time.Millisecond, Max: time.Second},
				"v2": {N: 7_375, P50: time.Millisecond, Max: time.Second},
			},
		}
		o := analysis.Observation{
			Phase: fmt.Sprintf("phase %d", i+1), Start: start, SettledAt: start.Add(500 * time.Millisecond),
			End: start.Add(30 * time.Second),
			Change: &analysis.Change{Writing: start, Written: start.Add(
				10 * time.Millisecond), Noticed: 100 * time.Millisecond, LastPushed: 120 * time.Millisecond, Proxies: 3,
				FirstSynced: 125 * time.Millisecond, LastSynced: 150 * time.Millisecond},
			Settled: analysis.Window{
				Start: start.Add(500 * time.Millisecond), End: start.Add(30 * time.Second), Total: counts,
				Cohorts: map[string]analysis.Counts{"everyone": counts},
			},
			Closeup: timeline(start.Add(-490*time.Millisecond), 215, 10, 100),
		}
		if i%2 == 1 {
			o.Rollback = &analysis.Rollback{
				Canary: "v2", Resolution: 3 * time.Millisecond, Route: 130 * time.Millisecond,
				Low: 130 * time.Millisecond, High: 160 * time.Millisecond,
			}
		}
		seen := analysis.NewShare(7_375, 29_500)
		r.Phases = append(r.Phases, reports.Phase{Name: o.Phase, Observation: o, Verdicts: []reports.Verdict{
			{
				Want: "25 % of all requests answered by v2", Saw: seen.String(), Outcome: reports.Pass,
				Claim: &reports.Claim{Subject: "v2", Percent: 25, Seen: seen, Low: 7_000, High: 7_700},
			},
		}})
		r.Accounting.Rows = append(r.Accounting.Rows, analysis.Row{Phase: o.Phase, Sent: 30_000})
		r.Accounting.Requests += 30_000
	}
	for _, version := range []string{"v1", "v2"} {
		c := analysis.Curve{Version: version, N: 400_000}
		for i := range 117 {
			c.Percents, c.LatencyMS = append(c.Percents, 100*float64(i)/117), append(c.LatencyMS, 1+float64(i))
		}
		r.Curves = append(r.Curves, c)
	}
	return r
}
