package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

func TestAccountingIsBalanced(t *testing.T) {
	b := analyze(labtrace.Trace(), labPhases, labtrace.Plan).Accounting
	if !b.Balanced() || b.UnexplainedTotal != 0 {
		t.Errorf("got problems %q and %d unexplained, want none: %+v", b.Problems, b.UnexplainedTotal, b.Unexplained)
	}
	if b.Requests != 5125 || b.Outside != 125 {
		t.Errorf("got %d requests, %d outside, want 5125, 125", b.Requests, b.Outside)
	}
	sum := 0
	for _, r := range b.Rows {
		sum += r.Sent
		if r.Routed != r.Sent || r.Served != r.Answered || r.App != r.Answered || r.Exempt+r.Bare+r.Unexplained != 0 {
			t.Errorf("got row %+v, want four parties that agree", r)
		}
	}
	if sum != b.Requests || len(b.Rows) != 5 {
		t.Errorf("got %d rows with %d requests, want 5 with %d", len(b.Rows), sum, b.Requests)
	}
	for version, n := range b.Answered {
		if int(b.Received[version]) != n {
			t.Errorf("got %d received by %s, want the %d that it answered: what was before the load does not count",
				b.Received[version], version, n)
		}
	}
	if len(b.Pace) != 2 || b.Pace[0].Cohort != "plain" || b.Pace[1].Cohort != "beta" {
		t.Fatalf("got pace %+v, want those of plain and beta", b.Pace)
	}
	for i, want := range []float64{200, 50} {
		if p := b.Pace[i]; math.Abs(p.Achieved-want) > 1e-3 || p.LagMax.Round(
			time.Microsecond,
		) != 50*time.Microsecond || p.LagP99 > p.LagMax {
			t.Errorf("got pace %+v, want %g a second with a lag of 50 µs", p, want)
		}
	}
	if g := b.Generator; !g.Known || math.Abs(g.CPU-0.03) > 1e-9 || math.Abs(
		g.RunDelay-0.004,
	) > 1e-9 || g.Stall != 3*time.Millisecond || g.Stalls != 0 {
		t.Errorf("got generator %+v, want 3 %% of 2 cores, 0.4 %% waiting, and no stall worth a word", g)
	}
}

// Whatever is amiss in one place is found, with the request and the phase that it belongs to.
func TestAccountingFind(t *testing.T) {
	// The request that each of the damages is done to: the 1,120th of the cohort plain, which v1 answered in
	// phase canary.
	const id, phase = "r1-plain-1120", "canary"
	sample := func(tr *trace.Trace) int {
		return slices.IndexFunc(tr.Samples, func(s loadgen.Sample) bool { return s.ID == id })
	}
	entry := func(tr *trace.Trace, side trace.Side) int {
		return slices.IndexFunc(tr.Log, func(e trace.LogEntry) bool { return e.ID == id && e.Side == side })
	}
	drop := func(tr *trace.Trace, side trace.Side) {
		i := entry(tr, side)
		tr.Log = slices.Delete(tr.Log, i, i+1)
	}
	if s := labtrace.Trace().Samples[sample(labtrace.Trace())]; s.Version != "v1" {
		t.Fatalf("got %+v, want an answer of v1", s)
	}
	for _, test := range []struct {
		name   string
		damage func(*trace.Trace, *loadgen.Plan)
		id     string // of the first thing that is not explained, "" for none
		total  int
		want   string // part of its reason, or of the only problem
	}{
		{
			"client's entry lost", func(tr *trace.Trace, _ *loadgen.Plan) { drop(tr, "") }, id, 1,
			"caller's proxy has no log entry",
		},
		{
			"server's entry lost", func(tr *trace.Trace, _ *loadgen.Plan) { drop(tr, trace.ServerSide) }, id, 1,
			"v1-1 answered it, and that pod's proxy has no log entry",
		},
		{
			"client's entry doubled",
			func(tr *trace.Trace, _ *loadgen.Plan) { tr.Log = append(tr.Log, tr.Log[entry(tr, "")]) }, id, 1,
			"did not report it, or not a second time",
		},
		{"server's entry doubled", func(tr *trace.Trace, _ *loadgen.Plan) {
			i := entry(tr, trace.ServerSide)
			tr.Log = slices.Insert(tr.Log, i, tr.Log[i])
		}, id, 1, "2 log entries of pods' proxies for 1 attempts"},
		{"sample lost", func(tr *trace.Trace, _ *loadgen.Plan) {
			i := sample(tr)
			tr.Samples = slices.Delete(tr.Samples, i, i+1)
		}, id, 1, "did not report it"},
		{
			"sample doubled",
			func(tr *trace.Trace, _ *loadgen.Plan) { tr.Samples = append(tr.Samples, tr.Samples[sample(tr)]) }, id, -1,
			"",
		},
		{
			"statuses differ", func(tr *trace.Trace, _ *loadgen.Plan) { tr.Log[entry(tr, "")].Code = 500 }, id, 1,
			"the caller got status 200, and its proxy logged 500",
		},
		{"somebody else's request", func(tr *trace.Trace, _ *loadgen.Plan) {
			pod := &tr.Pods[1]
			pod.Instances[0].Received++
			e := tr.Log[entry(tr, trace.ServerSide)]
			e.ID, e.Serial = "curl-1", sampleapp.Serial("lifev1", pod.Instances[0].Received)
			tr.Log = append(tr.Log, e)
		}, "curl-1", 1, "v1-1 logged a request that is not the load's"},
		{"somebody else's without an id", func(tr *trace.Trace, _ *loadgen.Plan) {
			e := tr.Log[entry(tr, trace.ServerSide)]
			e.ID, e.Serial, e.Reached = "", "", 0
			tr.Log = append(tr.Log, e)
		}, "without an id", 1, "not the load's"},
		{"37 requests behind everybody's back", func(tr *trace.Trace, _ *loadgen.Plan) {
			// They came between two of the load's, and the load's got numbers that are higher by as much.
			after := tr.Samples[sample(tr)].Serial
			_, n, _ := sampleapp.ParseSerial(after)
			shift := func(serial *string) {
				if life, m, ok := sampleapp.ParseSerial(*serial); ok && life == "lifev1" && m >= n {
					*serial = sampleapp.Serial(life, m+37)
				}
			}
			for i := range tr.Samples {
				shift(&tr.Samples[i].Serial)
			}
			for i := range tr.Log {
				shift(&tr.Log[i].Serial)
			}
			tr.Pods[1].Instances[0].Received += 37
		}, "lifev1-", 37, "pod v1-1 received 37 requests that no proxy and no caller knows of"},
		{
			"app counted less", func(tr *trace.Trace, _ *loadgen.Plan) { tr.Pods[1].Instances[0].Received-- }, "r1-", 1,
			"and v1-1 counted 8 to",
		},
		{"number of nobody", func(tr *trace.Trace, _ *loadgen.Plan) {
			tr.Samples[sample(tr)].Serial, tr.Log[entry(tr, "")].Serial, tr.Log[entry(tr,
				trace.ServerSide)].Serial = "other-1", "other-1", "other-1"
		}, id, 2, "of a life of a pod that was never counted"},
		{
			"pod lost", func(tr *trace.Trace, _ *loadgen.Plan) { tr.Pods[2].Instances[0].Final = false }, "", 0,
			"pod v2-1 was lost",
		},
		{"counters not read", func(tr *trace.Trace, _ *loadgen.Plan) { tr.Pods = tr.Pods[:1] }, "r1-", -1, ""},
		{
			"cut off", func(tr *trace.Trace, _ *loadgen.Plan) { tr.Truncated = true }, "", 0,
			"ends in the middle of a line",
		},
		{"rate not kept: at-rate", func(tr *trace.Trace, _ *loadgen.Plan) {
			for i := range tr.Samples {
				s := &tr.Samples[i]
				s.Sent = s.Sent.Add(s.Due.Sub(labtrace.Start) / 500)
			}
		}, "", 0, "void: cohort plain was to send 200.0 requests a second and sent 199.6: this machine can't carry " +
			"that load"},
		{"late: on-time", func(tr *trace.Trace, _ *loadgen.Plan) {
			for i := range tr.Samples {
				if s := &tr.Samples[i]; i%20 == 0 {
					s.Sent = s.Sent.Add(6 * time.Millisecond)
				}
			}
		}, "", 0, "sent late by 6.05 ms at p99, more than 5.00 ms"},
		{"out of breath: on-time", func(tr *trace.Trace, _ *loadgen.Plan) {
			for i := range tr.Health {
				tr.Health[i].CPU = 1700 * time.Millisecond
			}
		}, "", 0, "used 85 % of its processors"},
		{"the mesh out of breath: on-time", func(tr *trace.Trace, _ *loadgen.Plan) {
			for i := range tr.Health {
				tr.Health[i].Woken, tr.Health[i].WokenLate = 100, 2
			}
		}, "", 0, "waited for a processor for more than 5.00 ms in 2 % of"},
		{
			"agent's clock set: one-clock",
			func(tr *trace.Trace, _ *loadgen.Plan) { tr.Health[9].ClockStep = -2 * time.Millisecond }, "", 0,
			"a wall clock moved by -2.00 ms",
		},
		{"lab's clock set: one-clock", func(tr *trace.Trace, _ *loadgen.Plan) {
			tr.Events = append(tr.Events, trace.Event{
				At: labtrace.At(9000), Kind: trace.ClockStep, By: 1100 * time.Microsecond,
			})
		}, "", 0, "a wall clock moved by 1.10 ms"},
		{"cohort silent", func(_ *trace.Trace, p *loadgen.Plan) {
			p.Cohorts = append(p.Cohorts, loadgen.Cohort{Name: "gamma", Rate: 1})
		}, "", 0, "cohort gamma sent nothing"},
		{
			"cohort not planned", func(_ *trace.Trace, p *loadgen.Plan) { p.Cohorts = p.Cohorts[:1] }, "", 0,
			"beta is not in the plan and sent 1,025",
		},
		{
			"stopped early",
			func(tr *trace.Trace, _ *loadgen.Plan) { tr.Events[len(tr.Events)-1].At = labtrace.At(22000) }, "", 0,
			"in the last 2.",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr, plan := labtrace.Trace(), labtrace.Plan
			plan.Cohorts = slices.Clone(labtrace.Plan.Cohorts)
			test.damage(tr, &plan)
			b := analyze(tr, labPhases, plan).Accounting
			// After a colon the name has what the first problem shakes.
			_, basis, shakes := strings.Cut(test.name, ": ")
			if b.Balanced() != shakes || len(b.Problems) == 0 || b.Problems[0].Basis != Basis(basis) {
				t.Fatalf("got problems %+v, want some, and what they shake", b.Problems)
			}
			if test.total >= 0 && b.UnexplainedTotal != test.total {
				t.Errorf("got %d things that are not explained, want %d: %+v", b.UnexplainedTotal, test.total,
					b.Unexplained)
			}
			if test.id == "" {
				if !slices.ContainsFunc(b.Problems, func(p Problem) bool {
					return strings.Contains(p.String(), test.want)
				}) {
					t.Errorf("got problems %q, want one with %q", b.Problems, test.want)
				}
				return
			}
			u := b.Unexplained[0]
			if !strings.HasPrefix(u.ID, test.id) || !strings.Contains(u.Why, test.want) {
				t.Errorf("got %+v, want %s: %s", u, test.id, test.want)
			}
			if test.id == id && u.Phase != phase || test.total == 37 && u.Phase != phase {
				t.Errorf("got phase %q, want %s", u.Phase, phase)
			}
		})
	}
}

// Whichever entries are lost, each is found, and in its phase.
func TestAccountingFindEveryLoss(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	for run := range 20 {
		tr := labtrace.Trace()
		lost := map[string]bool{}
		tr.Log = slices.DeleteFunc(tr.Log, func(e trace.LogEntry) bool {
			// One at most of each request.
			if lost[e.ID] || random.IntN(300) > 0 {
				return false
			}
			lost[e.ID] = true
			return true
		})
		b := analyze(tr, labPhases, labtrace.Plan).Accounting
		if b.UnexplainedTotal != len(lost) {
			t.Fatalf("run %d: got %d things that are not explained, want the %d entries that were lost", run,
				b.UnexplainedTotal, len(lost))
		}
		sent := map[string]time.Time{}
		for _, s := range tr.Samples {
			sent[s.ID] = s.Sent
		}
		for _, u := range b.Unexplained {
			want := ""
			if ms := sent[u.ID].Sub(labtrace.Start).Milliseconds(); ms >= 0 {
				want = labPhases[ms/5000].Name
			}
			if !lost[u.ID] || u.Phase != want {
				t.Errorf("run %d: got %+v, want one of those lost, in phase %q", run, u, want)
			}
		}
	}
}

// BenchmarkAnalyze reads a trace from a file.
func BenchmarkAnalyze(b *testing.B) {
	path := filepath.Join(b.TempDir(), trace.File)
	w, err := trace.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	lines := 0
	if _, err := labtrace.Trace().Lines(false, func(l *trace.Line) error {
		lines++
		return w.Append(*l)
	}); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Analyze(trace.FileSource(path), Spec{Plan: labtrace.Plan, Phases: labPhases}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// What is in order is not found fault with.
func TestAccountingAllow(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*trace.Trace, *loadgen.Plan)
	}{
		{"rate nearly kept", func(tr *trace.Trace, _ *loadgen.Plan) {
			for i := range tr.Samples {
				s := &tr.Samples[i]
				s.Sent = s.Sent.Add(s.Due.Sub(labtrace.Start) / 2000)
				s.Done = s.Sent.Add(time.Millisecond)
			}
			for i := range tr.Samples {
				// Neither lag nor order are what this is about.
				tr.Samples[i].Due = tr.Samples[i].Due.Add(
					tr.Samples[i].Sent.Sub(tr.Samples[i].Due) - 50*time.Microsecond)
			}
		}},
		{"no proxy in one cohort", func(tr *trace.Trace, p *loadgen.Plan) {
			tr.Log = slices.DeleteFunc(tr.Log, func(e trace.LogEntry) bool {
				return strings.Contains(e.ID, "beta") && e.Side != trace.ServerSide
			})
			// Without a proxy nobody answers 503 UH: those requests were never sent.
			tr.Samples = slices.DeleteFunc(tr.Samples, func(s loadgen.Sample) bool {
				return s.Cohort == "beta" && s.Code == 503
			})
			seq := uint64(0)
			for i := range tr.Samples {
				if s := &tr.Samples[i]; s.Cohort == "beta" {
					s.Seq = seq
					seq++
				}
			}
			p.Cohorts[1].Entry = loadgen.Plain
		}},
		{"pods without a sidecar", func(tr *trace.Trace, _ *loadgen.Plan) {
			tr.Log = slices.DeleteFunc(tr.Log, func(e trace.LogEntry) bool { return e.Side == trace.ServerSide })
			for i := range tr.Pods {
				tr.Pods[i].Sidecar = tr.Pods[i].Role != trace.AppRole
			}
		}},
		{"an attempt that got no answer", func(tr *trace.Trace, _ *loadgen.Plan) {
			i := slices.IndexFunc(tr.Log, func(e trace.LogEntry) bool {
				return e.Side == trace.ServerSide && e.Proxy == "v1-1"
			})
			first := tr.Log[i]
			j := slices.IndexFunc(tr.Log, func(e trace.LogEntry) bool {
				return e.ID == first.ID && e.Side != trace.ServerSide
			})
			tr.Log[j].Attempts = 2
			first.Serial, first.Version, first.Flags, first.Code, first.Details = "", "", []string{"UC"}, 503,
				"upstream_reset_before_response_started"
			tr.Log = append(tr.Log, first)
			tr.Pods[1].Instances[0].Received++
		}},
		{"a copy by a mirror", func(tr *trace.Trace, p *loadgen.Plan) {
			p.Cohorts[0].Copies = 1
			i := slices.IndexFunc(tr.Log, func(e trace.LogEntry) bool {
				return e.Side == trace.ServerSide && e.Proxy == "v1-1" && strings.Contains(e.ID, "plain")
			})
			copied := tr.Log[i]
			tr.Pods[2].Instances[0].Received++
			copied.Proxy, copied.Version = "v2-1", "v2"
			copied.Serial = sampleapp.Serial("lifev2", tr.Pods[2].Instances[0].Received)
			tr.Log = append(tr.Log, copied)
		}},
		{"the caller gave up", func(tr *trace.Trace, _ *loadgen.Plan) {
			i := slices.IndexFunc(tr.Samples, func(s loadgen.Sample) bool { return s.Version == "v2" })
			s := &tr.Samples[i]
			s.Code, s.Version, s.Pod, s.Serial, s.Err = 0, "", "", "", "no whole answer within 1s"
			for j := range tr.Log {
				if e := &tr.Log[j]; e.ID == s.ID {
					e.Code, e.Serial, e.Version, e.Flags, e.Details = 0, "", "", []string{"DC"},
						"downstream_remote_disconnect"
				}
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tr, plan := labtrace.Trace(), labtrace.Plan
			plan.Cohorts = slices.Clone(labtrace.Plan.Cohorts)
			test.change(tr, &plan)
			b := analyze(tr, labPhases, plan).Accounting
			if !b.Balanced() || b.UnexplainedTotal > 0 {
				t.Errorf("got problems %q, %+v, want none", b.Problems, b.Unexplained)
			}
		})
	}
}

// An abort explains one request that has no number, and no more.
func TestAccountingAbortsExplainOneEach(t *testing.T) {
	tr := labtrace.Trace()
	i := slices.IndexFunc(tr.Samples, func(s loadgen.Sample) bool { return s.Version == "v2" })
	s := &tr.Samples[i]
	s.Code, s.Version, s.Pod, s.Serial = 0, "", "", ""
	for j := range tr.Log {
		if e := &tr.Log[j]; e.ID == s.ID {
			e.Code, e.Serial, e.Version, e.Flags, e.Details = 0, "", "", []string{"DC"}, "downstream_remote_disconnect"
		}
	}
	tr.Pods[2].Instances[0].Received += 2
	b := analyze(tr, labPhases, labtrace.Plan).Accounting
	if b.Aborted != 1 || b.UnexplainedTotal != 2 {
		t.Errorf("got %d aborted and %d not explained, want 1 and 2: %+v", b.Aborted, b.UnexplainedTotal, b.Unexplained)
	}
}

func TestAccountingOfNothing(t *testing.T) {
	b := analyze(&trace.Trace{}, nil, labtrace.Plan).Accounting
	if !b.Balanced() || b.Requests != 0 || len(b.Pace) != 2 {
		t.Errorf("got %+v, want an empty accounting without a problem: Conclude does not pass a run without requests",
			b)
	}
}

func TestAccountingKeepTheListShort(t *testing.T) {
	tr := labtrace.Trace()
	tr.Log = nil
	b := analyze(tr, labPhases, labtrace.Plan).Accounting
	if len(b.Unexplained) != ListedUnexplained || b.UnexplainedTotal <= ListedUnexplained {
		t.Errorf("got %d listed of %d, want %d", len(b.Unexplained), b.UnexplainedTotal, ListedUnexplained)
	}
}

// stallAndTroubles are reported, and what they mean for the verdict is not left to silence.
func TestAccountingTellOfTrouble(t *testing.T) {
	tr := labtrace.Trace()
	tr.Health[3].Stall, tr.Health[3].StallAt = 52*time.Millisecond, labtrace.At(3200)
	tr.Events = append(tr.Events,
		trace.Event{
			At: labtrace.At(7000), Kind: trace.Trouble, Phase: "canary", Text: "istiod: pod istiod-1 was taken away",
		},
		trace.Event{
			At: labtrace.At(7100), Kind: trace.Rejected, Phase: "canary", Proxy: "client-1",
			Text: "RDS: no such filter",
		})
	b := analyze(tr, labPhases, labtrace.Plan).Accounting
	if g := b.Generator; g.Stalls != 1 || g.Stall != 52*time.Millisecond || !g.StallAt.Equal(labtrace.At(3200)) {
		t.Errorf("got generator %+v, want one stall of 52 ms", g)
	}
	if len(b.Troubles) != 2 || !b.Balanced() {
		t.Errorf("got troubles %+v and problems %q, want two and none", b.Troubles, b.Problems)
	}
}

// An endlessSource makes up a run of n requests while it is read.
type endlessSource struct{ n int }

func (s endlessSource) Lines(facts bool, yield func(*trace.Line) error) (bool, error) {
	all := &trace.Trace{Pods: []trace.Pod{{
		Name: "v1-1", Role: trace.AppRole, IP: "10.0.0.1", Version: "v1", Sidecar: true,
		Instances: []trace.Instance{{Name: "life", Received: uint64(s.n), Final: true}},
	}}}
	all.Events = []trace.Event{
		{At: labtrace.At(0), Kind: trace.PhaseStart, Phase: "p"}, {At: labtrace.At(0), Kind: trace.Settled, Phase: "p"},
		{At: labtrace.At(float64(s.n)), Kind: trace.PhaseEnd, Phase: "p"},
	}
	if _, err := all.Lines(true, yield); err != nil {
		return false, err
	}
	// The agent speaks more often than a real one.
	for i := range s.n / 10 {
		h := &loadgen.Health{Pod: "agent", At: labtrace.At(float64(10 * i)), Took: 10 * time.Millisecond}
		if err := yield(&trace.Line{Health: h}); err != nil {
			return false, err
		}
	}
	if facts {
		return false, nil
	}
	random := rand.New(rand.NewPCG(1, 1))
	for i := range s.n {
		one := &trace.Trace{Pods: []trace.Pod{{
			Name: "v1-1", Role: trace.AppRole, IP: "10.0.0.1", Version: "v1", Sidecar: true,
			Instances: []trace.Instance{{Name: "life", Received: uint64(i)}},
		}}}
		due := labtrace.At(float64(i))
		labtrace.AddRequest(one, loadgen.Sample{
			Cohort: "plain", Seq: uint64(i), ID: fmt.Sprintf("r1-plain-%d", i), Due: due, Sent: due,
			Done: due.Add(time.Duration(1e6 + random.ExpFloat64()*1e6)), Code: 200, Version: "v1",
		}, trace.LogEntry{
			ID: fmt.Sprintf("r1-plain-%d", i), Proxy: "client", Start: due, Took: time.Millisecond, Code: 200,
			Details: trace.ViaUpstream, Attempts: 1,
		})
		one.Pods = nil
		if _, err := one.Lines(false, yield); err != nil {
			return false, err
		}
	}
	return false, nil
}

// What Analyze holds does not grow with the run.
func TestAnalyzeInBoundedMemory(t *testing.T) {
	plan := loadgen.Plan{Run: "r1", Cohorts: []loadgen.Cohort{{Name: "plain", Rate: 1000}}}
	held := func(n int) (bytes float64) {
		var most uint64
		seen := 0
		src := watchedSource{endlessSource{n}, func() {
			if seen++; seen%(3*n/10) == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}}
		a, err := Analyze(src, Spec{Plan: plan, Phases: []PhaseSpec{{Name: "p"}}})
		if err != nil || a.Accounting.Requests != n || !a.Accounting.Balanced() {
			t.Fatalf("got %d requests, %v, %q, want %d without a problem", a.Accounting.Requests, err,
				a.Accounting.Problems, n)
		}
		return float64(most)
	}
	const short, long = 20_000, 200_000
	few, many := held(short), held(long)
	t.Logf("%.0f kB for %d requests, %.0f kB for %d", few/1024, short, many/1024, long)
	if many-few > 1<<20 {
		t.Errorf("got %.0f kB for %d requests and %.0f kB for %d, want them nearly equal", few/1024, short, many/1024,
			long)
	}
}

// A watchedSource calls back for each line.
type watchedSource struct {
	trace.Source
	line func()
}

func (s watchedSource) Lines(facts bool, yield func(*trace.Line) error) (bool, error) {
	return s.Source.Lines(facts, func(l *trace.Line) error {
		if !facts {
			s.line()
		}
		return yield(l)
	})
}

// A counter may say anything, as in a folder that a stranger sent: the analysis ends all the same, and says what is
// missing. It took a step for each number up to the counter before.
func TestAccountingOfACounterThatWentMad(t *testing.T) {
	pod := trace.Pod{Name: "v1-pod", Role: trace.AppRole, IP: "10.0.0.1", Version: "v1", Instances: []trace.Instance{
		{Name: "a", Received: math.MaxUint64, Final: true}, {Name: "b", Base: 5, Received: math.MaxUint64, Final: true},
		{Name: "c", Base: math.MaxUint64, Received: 3, Final: true},
	}}
	result, err := Analyze(&trace.Trace{Pods: []trace.Pod{pod}}, Spec{})
	if err != nil {
		t.Fatal(err)
	}
	if a := result.Accounting; a.Balanced() || a.UnexplainedTotal != math.MaxInt {
		t.Errorf("got %d unexplained and problems %v, want as many as there can be", a.UnexplainedTotal, a.Problems)
	}
}
