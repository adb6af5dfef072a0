package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// A fakeMesh is a mesh in memory: the annotation "route" of the last VirtualService says how requests fare.
// "v1" and "v2" answer all, "half" gives every second request to v2, "broken" answers every tenth with 503 UH.
type fakeMesh struct {
	mu       sync.Mutex
	calls    []string
	routes   []routing
	owner    string
	exists   bool
	loading  bool
	counters map[string]uint64
	log      chan trace.LogEntry
	// podEvents are seen of pods; pushes come from istiod.
	podEvents chan environment.PodEvent
	pushes    chan trace.Event
	// cuts are proxies whose log stream ends now.
	cuts []string
	// fails has the status of versions that answer with errors. stopped tells that there is no istiod.
	fails   map[string]int
	stopped bool
	// lost are versions whose pods end without last words.
	lost map[string]bool
	// Things that go wrong.
	hook       func(call string) error
	stuckAwait int // the Await with this number, from 1, never returns
	awaits     int
	silent     bool // the load agent begins and sends nothing
	deaf       bool // no access log entry ever comes
	dies       time.Duration
	stops      time.Duration // of each 100 ms the load agent stands still for so long, once the run has begun
	carries    float64       // at a higher rate it stands still for 30 ms of each 100, 0 for never
	hiccups    int           // so many times that it sends it does so too
	endpoints  map[string]environment.Hosts
	findings   []environment.Finding
	inFiles    []environment.Finding
	rejects    int // the Await with this number is rejected
	processors *fakeProcessors
}

// A routing is how requests fare that are sent from a moment on.
type routing struct {
	from  time.Time
	route string
}

func newFakeMesh() *fakeMesh {
	return &fakeMesh{
		counters: map[string]uint64{"v1": 7, "v2": 0}, lost: map[string]bool{}, fails: map[string]int{},
		log: make(chan trace.LogEntry, 1<<20), podEvents: make(chan environment.PodEvent, 100),
		pushes: make(chan trace.Event, 100),
	}
}

func (f *fakeMesh) env() environment.Environment {
	env := environment.Environment{
		Objects: f, Proxies: f, Apps: f, Callers: f, Observers: f, Istiod: f, WatchWrite: f.watchWrite,
	}
	if f.processors != nil {
		env.Processors = f.processors
	}
	return env
}

// fakeProcessors are two of which Envoy uses half, and a compiler the other half while it is at work.
type fakeProcessors struct {
	at      time.Time
	compile func(at time.Time) bool
}

func (p *fakeProcessors) Used() (used trace.Processor, err error) {
	now := time.Now()
	if p.at.IsZero() {
		p.at = now
		return used, errors.New("nobody looked before")
	}
	used = trace.Processor{Took: now.Sub(p.at), Cores: 2}
	used.Programs = []trace.Program{{Name: "envoy", CPU: used.Took}}
	if p.compile == nil || p.compile(now) {
		used.Programs = append(used.Programs, trace.Program{Name: "cc1plus", CPU: used.Took})
	}
	p.at = now
	return used, nil
}

// fakePod is the one pod of a version.
func fakePod(version string) trace.Pod {
	return trace.Pod{
		Name: version + "-pod", Role: trace.AppRole, IP: "10.0.0." + version[1:], Version: version, Sidecar: true,
	}
}

func fakeCounters(version string, received uint64) sampleapp.Counters {
	return sampleapp.Counters{Version: version, Pod: version + "-pod", Instance: "life" + version, Received: received}
}

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

func (f *fakeMesh) Apply(ctx context.Context, objects []object) error {
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

// watchWrite knows that no write is accepted before it is made.
func (f *fakeMesh) watchWrite(ctx context.Context) (context.Context, func() time.Time) {
	began := time.Now()
	return ctx, func() time.Time { return began }
}

func (f *fakeMesh) Delete(ctx context.Context, _ []object) error { return f.call(ctx, "delete") }

func (f *fakeMesh) Scale(ctx context.Context, _, deployment string, n int32) error {
	if err := f.call(ctx, "scale %s %d", deployment, n); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n == 0 {
		version := strings.TrimPrefix(deployment, "my-service-")
		f.podEvents <- environment.PodEvent{Pod: fakePod(version), Leaving: true}
		last := environment.PodEvent{
			Pod: fakePod(version), Gone: true,
			LastWords: []sampleapp.Counters{fakeCounters(version, f.counters[version])},
		}
		if f.lost[version] {
			last.LastWords = nil
		}
		delete(f.counters, version)
		time.AfterFunc(5*time.Second, func() { f.podEvents <- last })
	}
	return nil
}

func (f *fakeMesh) Undo(ctx context.Context, _, deployment string) error {
	return f.call(ctx, "undo %s", deployment)
}

func (f *fakeMesh) Restart(ctx context.Context, _, deployment string) error {
	return f.call(ctx, "restart %s", deployment)
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

func (f *fakeMesh) Await(ctx context.Context, _ string, synced func(environment.Synced)) error {
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
	if n == f.rejects {
		return fmt.Errorf("await: %w", environment.Rejection{Proxy: "ns/client", Reason: "no such filter"})
	}
	time.Sleep(120 * time.Millisecond)
	synced(environment.Synced{Proxy: "ns/client", At: time.Now(), Exact: true})
	return nil
}

func (f *fakeMesh) AccessLog(ctx context.Context, _ string, sink environment.LogSink) error {
	if f.deaf {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			var batch []trace.LogEntry
			for len(f.log) > 0 {
				batch = append(batch, <-f.log)
			}
			sink.Entries(batch)
			f.mu.Lock()
			cuts := f.cuts
			f.cuts = nil
			f.mu.Unlock()
			for _, proxy := range cuts {
				sink.Cut(proxy, time.Now(), "reset by peer")
			}
		}
	}
}

func (f *fakeMesh) Pods(ctx context.Context, _ string, sink func(environment.PodEvent)) error {
	for _, v := range []string{"v1", "v2"} {
		sink(environment.PodEvent{Pod: fakePod(v)})
	}
	sink(environment.PodEvent{Pod: trace.Pod{Name: "client", Role: trace.CallerRole, Sidecar: true}})
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-f.podEvents:
			sink(n)
		}
	}
}

func (f *fakeMesh) ControlPlane(ctx context.Context, _ string, sink func(trace.Event)) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-f.pushes:
			sink(e)
		}
	}
}

func (f *fakeMesh) Endpoints(ctx context.Context, _, service, subset string) (map[string]environment.Hosts, error) {
	return f.endpoints, f.call(ctx, "endpoints %s", strings.TrimPrefix(service+" "+subset, environment.Service+" "))
}

func (f *fakeMesh) Version(ctx context.Context, _ string) (string, error) {
	return "1.40.0", f.call(ctx, "version")
}

func (f *fakeMesh) Analyze(ctx context.Context, _ string) ([]environment.Finding, error) {
	return f.findings, f.call(ctx, "analyze")
}

func (f *fakeMesh) AnalyzeFiles(ctx context.Context, _ string, _ []object) ([]environment.Finding, error) {
	return f.inFiles, f.call(ctx, "analyze files")
}

func (f *fakeMesh) Counters(ctx context.Context, _ string) ([]sampleapp.Counters, error) {
	if err := f.call(ctx, "counters"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []sampleapp.Counters
	for _, v := range []string{"v1", "v2"} {
		if n, ok := f.counters[v]; ok {
			all = append(all, fakeCounters(v, n))
		}
	}
	return all, nil
}

func (f *fakeMesh) Inject(ctx context.Context, _, version string, _ int, faults sampleapp.Faults) error {
	if err := f.call(ctx, "inject %s", version); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails[version] = 0; faults.ErrorRate > 0 {
		f.fails[version] = cmp.Or(faults.ErrorCode, 503)
	}
	return nil
}

func (f *fakeMesh) CountPods(ctx context.Context, _, version string) (environment.PodCount, error) {
	return environment.PodCount{All: 2, Ready: 1, Sidecars: 1}, f.call(ctx, "pods %s", version)
}

func (f *fakeMesh) Stop(ctx context.Context) error {
	if err := f.call(ctx, "stop istiod"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	f.pushes <- trace.Event{At: time.Now(), Kind: trace.Trouble, Text: "istiod: pod istiod was taken away"}
	return nil
}

func (f *fakeMesh) Start(ctx context.Context) error {
	if err := f.call(ctx, "start istiod"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = false
	return nil
}

func (f *fakeMesh) Stopped(context.Context) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stopped, nil
}

func (f *fakeMesh) Attack(
	ctx context.Context, _ string, plan loadgen.Plan, orders loadgen.Orders, h loadgen.Handler,
) ([]*loadgen.End, error) {
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
	stops := f.standsStill(plan, warm)
	if h.Begin != nil {
		h.Begin(loadgen.Begin{Run: plan.Run, Start: begin})
	}
	counts := make([]loadgen.Count, len(plan.Cohorts))
	stage := fakeStage{at: begin, factor: 1, sent: make([]uint64, len(plan.Cohorts))}
	next := stage
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	why := loadgen.Duration
	for why == loadgen.Duration && time.Since(begin) < plan.Duration {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case s := <-orders.Stages:
			next = fakeStage{at: begin.Add(s.At), factor: s.Factor}
			h.Stage(s)
		case <-orders.Stop:
			why = loadgen.Stopped
		case <-tick.C:
		}
		if next.sent == nil && !next.at.After(time.Now()) {
			for i := range counts {
				next.sent = append(next.sent, counts[i].Sent)
			}
			stage = next
		}
		if f.dies > 0 && !warm && time.Since(begin) > f.dies {
			return nil, errors.New("the agent died")
		}
		for i, c := range plan.Cohorts {
			counts[i].Cohort = c.Name
			var batch []loadgen.Sample
			for !f.silent || warm {
				due := stage.due(i, c.Rate, counts[i].Sent)
				sent := due
				if in := time.Duration(due.UnixNano()) % (100 * time.Millisecond); in < stops {
					sent = due.Add(stops - in)
				}
				if sent.After(time.Now()) {
					break
				}
				batch = append(batch, f.send(plan, c.Name, counts[i].Sent, due, sent, warm))
				counts[i].Sent++
				counts[i].Answered++
			}
			if len(batch) > 0 {
				h.Samples(batch)
			}
		}
	}
	return []*loadgen.End{{Why: why, Cohorts: counts}}, nil
}

// A fakeStage is a rate of the load from a moment on, by when each cohort had sent so many.
type fakeStage struct {
	at     time.Time
	factor float64
	sent   []uint64
}

func (s fakeStage) due(cohort, rate int, seq uint64) time.Time {
	return s.at.Add(time.Duration(float64(seq-s.sent[cohort]) * float64(time.Second) / (float64(rate) * s.factor)))
}

// standsStill is for how long of each 100 ms the load agent does.
func (f *fakeMesh) standsStill(plan loadgen.Plan, warm bool) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	const late = 30 * time.Millisecond
	f.hiccups--
	switch {
	case f.hiccups >= 0, f.carries > 0 && plan.TotalRate() > f.carries:
		return late
	case warm:
		return 0
	}
	return f.stops
}

// send is one request's fate.
func (f *fakeMesh) send(plan loadgen.Plan, cohort string, seq uint64, due, sent time.Time, warm bool) loadgen.Sample {
	f.mu.Lock()
	defer f.mu.Unlock()
	route := ""
	for _, r := range f.routes {
		if !sent.Before(r.from) {
			route = r.route
		}
	}
	s := loadgen.Sample{
		Cohort: cohort, Seq: seq, ID: fmt.Sprintf("%s-%s-%d", plan.Run, cohort, seq),
		Due: due, Sent: sent, Done: sent.Add(time.Millisecond), Code: 200, Version: route,
	}
	e := trace.LogEntry{
		ID: s.ID, Proxy: "client", Start: sent, Took: time.Millisecond, Code: 200, Details: "via_upstream", Attempts: 1,
	}
	switch route {
	case "half":
		s.Version = []string{"v1", "v2"}[seq%2]
	case "broken":
		s.Version = "v1"
		if seq%10 == 0 {
			s.Version, s.Code = "", 503
			e.Code, e.Flags, e.Details = 503, []string{"UH"}, "no_healthy_upstream"
		}
	}
	if code := f.fails[s.Version]; code > 0 {
		s.Code, e.Code = code, code
	}
	all := []trace.LogEntry{}
	if s.Version != "" {
		f.counters[s.Version]++
		pod := fakePod(s.Version)
		s.Pod, s.Serial = pod.Name, sampleapp.Serial("life"+s.Version, f.counters[s.Version])
		e.Upstream, e.Cluster = pod.IP+":8080", "outbound|80|"+s.Version+"|my-service.story.svc.cluster.local"
		e.Version, e.Serial, e.Reached = s.Version, s.Serial, time.Microsecond
		server := e
		server.Proxy, server.Side, server.Cluster, server.Upstream = pod.Name, trace.ServerSide, "inbound|8080||",
			pod.IP+":8080"
		all = append(all, server)
	}
	if !f.deaf {
		for _, e := range append(all, e) {
			f.log <- e
		}
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
	testHead = "# Test.\napiVersion: v1\nkind: Namespace\nmetadata: {name: story, labels: {istio-injection: enabled, " +
		mesh.ManagedBy + ": " + mesh.Manager + "}}\n---\n"
	// testPods are Deployments of v1 and v2; what else they need does not matter to the fake.
	testPods = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: my-service-v1, namespace: " +
		"story}\nspec: {template: {metadata: {labels: {version: v1}}}}\n" +
		"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: my-service-v2, namespace: story}\nspec: " +
		"{template: {metadata: {labels: {version: v2}}}}\n"
	testDR = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: my-service, " +
		"namespace: story}\n"
)

func testRoute(route string) string {
	return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: my-service, namespace: " +
		"story, annotations: {route: " + route + "}}\n"
}

// story is a scenario on the fake mesh: v1, half of v2, rollback.
func story() Scenario {
	return Scenario{
		Name: "story", Title: "A story", Canary: "v2",
		Files: fstest.MapFS{
			"story/1-baseline.yaml": {Data: []byte(testHead + testRoute("v1") + testDR + testPods)},
			"story/2-half.yaml":     {Data: []byte(testRoute("half"))},
			"story/3-broken.yaml":   {Data: []byte(testRoute("broken"))},
			"story/4-v2.yaml":       {Data: []byte(testRoute("v2"))},
		},
		Load: loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 500}}},
		Phases: []Phase{
			{Name: "baseline", Do: Apply("1-baseline.yaml"), Expect: []expect.Expectation{
				expect.Share("v1", 100), expect.Untouched("v2"),
			}},
			{Name: "half", Do: Apply("2-half.yaml"), Prove: []Proof{ReadyPods{Version: "v2", Want: 1}},
				Expect: []expect.Expectation{expect.Share("v2", 50), expect.NoErrors()}},
			{Name: "rollback", Do: Revert("1-baseline.yaml"), Rollback: true,
				Expect: []expect.Expectation{expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100)}},
		},
	}
}
