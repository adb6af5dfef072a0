package reports

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// analyzed is Analyze on a trace in memory.
func analyzed(t *trace.Trace, phases []analysis.PhaseSpec, plan loadgen.Plan) *analysis.Analysis {
	a, err := analysis.Analyze(t, analysis.Spec{Plan: plan, Phases: phases})
	if err != nil {
		panic(err)
	}
	return a
}

// labReport is the report of labTrace.
func labReport() *Report {
	a := analyzed(
		labtrace.Trace(),
		[]analysis.PhaseSpec{
			{Name: "baseline"}, {Name: "canary"}, {Name: "rollback", Rollback: true, Canary: "v2"}, {Name: "fixed"},
		},
		labtrace.Plan,
	)
	obs := a.Observations
	r := &Report{
		Scenario: "label-mismatch", Title: "A subset whose labels match no pod turns the canary's share into 503s",
		Run: "20261123-060102",
		Story: "The team that deploys labels its pods version: v2.0. The team that routes writes version: v2 into " +
			"the " +
			"DestinationRule. Istio accepts both.",
		Started: labtrace.Start, Took: 23400 * time.Millisecond,
		Setup: Setup{
			Provider: "embedded", Why: "no Docker daemon answers", Cluster: "canarylab", Kubernetes: "1.37.2",
			Istio: "1.31.0",
			Envoy: "1.40.0", Canarylab: "0.1.0", CPUs: 2, Memory: 24 << 30, Kernel: "6.18.2", Load: labtrace.Plan,
		},
		BringUp: []Step{
			{"namespaces", 0, 120 * time.Millisecond},
			{"containerd", 120 * time.Millisecond, 800 * time.Millisecond},
			{"etcd and API server", 120 * time.Millisecond, 3100 * time.Millisecond},
			{"istiod ready", 3220 * time.Millisecond, 7400 * time.Millisecond},
		},
		Cause: "The subset v2 selects pods with version: v2, and the canary's pods have version: v2.0. Envoy has no " +
			"endpoint for " +
			"the subset and answers its share of the requests by itself.",
		Fix: "Make the subset's label the one that the pods have, and apply the DestinationRule before any weight " +
			"goes to it.",
		Notes: []string{"The first half second of load was warm-up."},
		Files: []File{{ReportFile, "this report, for programs"}, {
			trace.PlainFile, "every event, request and access log entry",
		}},
	}
	did := []string{
		"kubectl apply -f 1-baseline.yaml", "kubectl apply -f 2-canary.yaml",
		"kubectl apply -f 1-baseline.yaml (rollback)", "kubectl apply -f 3-fixed.yaml",
	}
	actions := []Action{
		{Kind: "apply", Brief: "apply 1-baseline", File: "1-baseline.yaml"},
		{Kind: "apply", Brief: "apply 2-canary", File: "2-canary.yaml"},
		{Kind: "apply", Brief: "apply 1-baseline (rollback)", File: "1-baseline.yaml"},
		{Kind: "apply", Brief: "apply 3-fixed", File: "3-fixed.yaml"},
	}
	claim := func(
		o analysis.Observation, cohort, subject string, percent float64, count int, outcome Outcome, why string,
	) Verdict {
		s := analysis.NewShare(count, o.Settled.Of(cohort).Requests)
		return Verdict{
			Want: fmt.Sprintf("%g %% of requests: %s", percent, subject), Saw: s.String(), Outcome: outcome, Why: why,
			Kind:  "share",
			Claim: &Claim{Cohort: cohort, Subject: subject, Percent: percent, Seen: s},
		}
	}
	for i, o := range obs {
		p := Phase{Name: o.Phase, Did: did[i], Action: &actions[i], Observation: o}
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
				claim(o, "beta", "v2", 20, o.Settled.Of("beta").Versions["v2"], Inconclusive,
					"225 requests are too few"),
			}
		}
		r.Phases = append(r.Phases, p)
	}
	r.Accounting, r.Timeline, r.Curves = a.Accounting, a.Timeline, a.Curves
	r.Conclude()
	return r
}
