package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/sampleapp"
)

// A fakeMesh is a mesh in memory: the annotation "route" of the last VirtualService says how requests fare. "v1" and "v2"
// answer all, "half" gives every second request to v2, "broken" answers every tenth with 503 UH.
type fakeMesh struct {
	mu       sync.Mutex
	calls    []string
	routes   []routing
	owner    string
	exists   bool
	loading  bool
	counters map[string]uint64
	log      chan reports.LogEntry
	// Things that go wrong.
	hook       func(call string) error
	stuckAwait int // the Await with this number, from 1, never returns
	awaits     int
	silent     bool // the load agent begins and sends nothing
	deaf       bool // no access log entry ever comes
	dies       time.Duration
	endpoints  map[string]int
	findings   []finding
}

// A routing is how requests fare that are sent from a moment on.
type routing struct {
	from  time.Time
	route string
}

func newFakeMesh() *fakeMesh {
	return &fakeMesh{counters: map[string]uint64{"v1": 7, "v2": 0}, log: make(chan reports.LogEntry, 1<<20)}
}

func (f *fakeMesh) lab() lab { return lab{Objects: f, Proxies: f, Apps: f, Callers: f} }

// call records a call, and lets the test interfere.
func (f *fakeMesh) call(ctx context.Context, format string, args ...any) error {
	name := fmt.Sprintf(format, args...)
	f.mu.Lock()
	f.calls = append(f.calls, name)
	hook := f.hook
	f.mu.Unlock()
	if hook != nil {
		if err := hook(name); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (f *fakeMesh) Owner(ctx context.Context, ns string) (string, bool, error) {
	return f.owner, f.exists, f.call(ctx, "owner %s", ns)
}

func (f *fakeMesh) Apply(ctx context.Context, manifests []byte) error {
	objects, err := kube.Objects(manifests)
	if err != nil {
		return err
	}
	var names []string
	for _, o := range objects {
		names = append(names, o.GetKind()+"/"+o.GetName())
	}
	if err := f.call(ctx, "apply %s", strings.Join(names, " ")); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range objects {
		if o.GetKind() == "VirtualService" {
			// istiod's debounce.
			f.routes = append(f.routes, routing{time.Now().Add(100 * time.Millisecond), o.GetAnnotations()["route"]})
		}
	}
	return nil
}

func (f *fakeMesh) Delete(ctx context.Context, _ []byte) error { return f.call(ctx, "delete") }

func (f *fakeMesh) Scale(ctx context.Context, _, deployment string, n int32) error {
	if err := f.call(ctx, "scale %s %d", deployment, n); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n == 0 {
		delete(f.counters, strings.TrimPrefix(deployment, "my-service-"))
	}
	return nil
}

func (f *fakeMesh) Ready(ctx context.Context, ns string) error { return f.call(ctx, "ready %s", ns) }

func (f *fakeMesh) Remove(ctx context.Context, ns string) error {
	f.mu.Lock()
	loading := f.loading
	f.mu.Unlock()
	if loading {
		return errors.New("the namespace was removed under the load")
	}
	return f.call(ctx, "remove %s", ns)
}

func (f *fakeMesh) Await(ctx context.Context, _ string, held func(string, time.Time)) error {
	f.mu.Lock()
	f.awaits++
	n := f.awaits
	f.mu.Unlock()
	if err := f.call(ctx, "await %d", n); err != nil {
		return err
	}
	if n == f.stuckAwait {
		<-ctx.Done()
		return fmt.Errorf("proxy differs: %w", ctx.Err())
	}
	time.Sleep(120 * time.Millisecond)
	held("ns/client", time.Now())
	return nil
}

func (f *fakeMesh) FollowLog(ctx context.Context, _ string, _ time.Time, sink func(reports.LogEntry)) error {
	if f.deaf {
		<-ctx.Done()
		return nil
	}
	// Envoy writes once a second.
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			for len(f.log) > 0 {
				sink(<-f.log)
			}
		}
	}
}

func (f *fakeMesh) Endpoints(ctx context.Context, _, subset string) (map[string]int, error) {
	return f.endpoints, f.call(ctx, "endpoints %s", subset)
}

func (f *fakeMesh) Version(ctx context.Context, _ string) (string, error) {
	return "1.40.0", f.call(ctx, "version")
}

func (f *fakeMesh) Analyze(ctx context.Context, _ string) ([]finding, error) {
	return f.findings, f.call(ctx, "analyze")
}

func (f *fakeMesh) Counters(ctx context.Context, _, deployment string) ([]sampleapp.Counters, error) {
	if err := f.call(ctx, "counters %s", deployment); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []sampleapp.Counters
	for _, v := range []string{"v1", "v2"} {
		if n, ok := f.counters[v]; ok && strings.HasSuffix(deployment, v) || ok && deployment == "" {
			all = append(all, sampleapp.Counters{Version: v, Pod: v + "-pod", Received: n})
		}
	}
	return all, nil
}

func (f *fakeMesh) Inject(ctx context.Context, _, version string, _ sampleapp.Faults) error {
	return f.call(ctx, "inject %s", version)
}

func (f *fakeMesh) ReadyPods(ctx context.Context, _, version string) (int, error) {
	return 1, f.call(ctx, "pods %s", version)
}

func (f *fakeMesh) Attack(ctx context.Context, _ string, plan loadgen.Plan, stop <-chan struct{}, h loadgen.Handler) (*loadgen.End, error) {
	warm := strings.HasPrefix(plan.Run, "warm-")
	name := "attack"
	if warm {
		name = "warm-up"
	}
	if err := f.call(ctx, "%s", name); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.loading = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.loading = false
		f.calls = append(f.calls, name+" ended")
	}()
	begin := time.Now()
	if h.Begin != nil {
		h.Begin(loadgen.Begin{Run: plan.Run, Start: begin})
	}
	counts := make([]loadgen.Count, len(plan.Cohorts))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	why := loadgen.Duration
	for why == loadgen.Duration && time.Since(begin) < plan.Duration {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-stop:
			why = loadgen.Stopped
		case <-tick.C:
		}
		if f.dies > 0 && !warm && time.Since(begin) > f.dies {
			return nil, errors.New("the agent died")
		}
		for i, c := range plan.Cohorts {
			counts[i].Cohort = c.Name
			var batch []loadgen.Sample
			for !f.silent || warm {
				due := begin.Add(time.Duration(counts[i].Sent) * time.Second / time.Duration(c.Rate))
				if due.After(time.Now()) {
					break
				}
				batch = append(batch, f.send(plan, c.Name, counts[i].Sent, due, warm))
				counts[i].Sent++
				counts[i].Answered++
			}
			if len(batch) > 0 {
				h.Samples(batch)
			}
		}
	}
	return &loadgen.End{Why: why, Cohorts: counts}, nil
}

// send is one request's fate.
func (f *fakeMesh) send(plan loadgen.Plan, cohort string, seq uint64, due time.Time, warm bool) loadgen.Sample {
	f.mu.Lock()
	defer f.mu.Unlock()
	route := ""
	for _, r := range f.routes {
		if !due.Before(r.from) {
			route = r.route
		}
	}
	s := loadgen.Sample{
		Cohort: cohort, Seq: seq, ID: fmt.Sprintf("%s-%s-%d", plan.Run, cohort, seq),
		Due: due, Sent: due, Done: due.Add(time.Millisecond), Code: 200, Version: route,
	}
	e := reports.LogEntry{ID: s.ID, Proxy: "client", Start: due, Took: time.Millisecond, Code: 200, Upstream: "10.0.0.1:8080"}
	switch route {
	case "half":
		s.Version = []string{"v1", "v2"}[seq%2]
	case "broken":
		s.Version = "v1"
		if seq%10 == 0 {
			s.Version, s.Code = "", 503
			e.Code, e.Flags, e.Upstream = 503, []string{"UH"}, ""
		}
	}
	if s.Version != "" {
		f.counters[s.Version]++
	}
	if !f.deaf {
		f.log <- e
	}
	return s
}

// order returns the calls that are in want, in the order in which they came.
func (f *fakeMesh) order(want []string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.calls), func(c string) bool { return !slices.Contains(want, c) })
}

func (f *fakeMesh) called(call string) bool { return len(f.order([]string{call})) > 0 }

const (
	testHead = "# Test.\napiVersion: v1\nkind: Namespace\nmetadata: {name: story, labels: {istio-injection: enabled, " + ManagedBy + ": " + Manager + "}}\n---\n"
	testDR   = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: my-service, namespace: story}\n"
)

func testRoute(route string) string {
	return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: my-service, namespace: story, annotations: {route: " + route + "}}\n"
}

// story is a scenario on the fake mesh: v1, half of v2, rollback.
func story() Scenario {
	return Scenario{
		Name: "story", Title: "A story", Canary: "v2",
		Files: fstest.MapFS{
			"story/1-baseline.yaml": {Data: []byte(testHead + testRoute("v1") + testDR)},
			"story/2-half.yaml":     {Data: []byte(testRoute("half"))},
			"story/3-broken.yaml":   {Data: []byte(testRoute("broken"))},
			"story/4-v2.yaml":       {Data: []byte(testRoute("v2"))},
		},
		Load: loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 500}}},
		Phases: []Phase{
			{Name: "baseline", Do: Apply("1-baseline.yaml"), Expect: []expect.Expectation{expect.Share("v1", 100), expect.Untouched("v2")}},
			{Name: "half", Do: Apply("2-half.yaml"), Prove: []Proof{ReadyPods{Version: "v2", Want: 1}},
				Expect: []expect.Expectation{expect.Share("v2", 50), expect.NoErrors()}},
			{Name: "rollback", Do: Rollback("1-baseline.yaml"),
				Expect: []expect.Expectation{expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100)}},
		},
	}
}
