// Package harness plays a scenario on a cluster: one unbroken load, one change after the other under it, each awaited
// until every proxy holds it. What happens is recorded while it happens; the report is made from that record.
package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/cluster"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/sampleapp"
)

// A Cluster is where a scenario is played: Kubernetes with Istio, and the lab's images on its nodes.
type Cluster struct {
	Kube *kube.Client
	// Mesh is the Istio that is there; zero means the lab's own.
	Mesh mesh.Installed
	// Reference says under which reference the cluster has one of the lab's images, such as "canarylab/loadgen:dev"; nil means
	// under that.
	Reference func(image string) string
	// Provide brings an image of the lab's to the cluster that only some scenarios need, and is quick where it is there. Nil means that the
	// cluster has them all.
	Provide func(ctx context.Context, image string) error
	// Labels are put on the namespaces that are made. A cluster with any is somebody else's: its istiod is left alone.
	Labels map[string]string
	// Setup says what it is, for the report. The engine adds Load, and Envoy where it is empty.
	Setup reports.Setup
}

// Options are for Run.
type Options struct {
	// Dir is the run's own folder. It is made if it is not there; a folder that has a trace already is refused.
	Dir string
	// ID names the run. Empty means a new loadgen.RunID.
	ID string
	// Progress is told of every step; nil means nobody is.
	Progress cluster.Progress
	// BringUp goes into the report.
	BringUp []reports.Step
	// LoadPods is how many pods share the load of each entry; 0 means one.
	LoadPods int
}

// ManifestsDir is the folder, in that of a run, with the manifests that were applied.
const ManifestsDir = "manifests"

// RunDir is the usual name of a run's folder in out: "20261123-061500-label-mismatch-k3x9qa". Names sort by time.
func RunDir(out, scenario, id string, at time.Time) string {
	return filepath.Join(out, at.UTC().Format("20060102-150405")+"-"+scenario+"-"+id)
}

// Run plays s on c, in a namespace of its own that it makes and deletes again.
//
// Before anything is started s is validated; an error from that comes without a report. From then on there is always a
// report, also saved in o.Dir: what Istio did, good or bad, is in there, and its Broken says why the run was cut short,
// if it was. The error is for a lab that broke, for ctx that ended (it is wrapped), and for what could not be cleaned up.
func Run(ctx context.Context, c Cluster, s Scenario, o Options) (*reports.Report, error) {
	l, disconnect := newLab(c)
	defer disconnect()
	l.Adapts = c.adapts()
	return play(ctx, l, c.Setup, s, o)
}

// ErrOthersIstio is wrapped where a scenario would take an istiod away that is not the lab's.
var ErrOthersIstio = errors.New("it takes istiod away, which the lab does only to an Istio of its own: play it on an embedded or a kind cluster")

func play(ctx context.Context, l lab, setup reports.Setup, s Scenario, o Options) (*reports.Report, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if o.Dir == "" {
		return nil, errors.New("no folder for the run: set Options.Dir, such as to RunDir's")
	}
	if o.ID == "" {
		o.ID = loadgen.RunID()
	}
	if s.OwnIstioOnly() && l.Istiod == nil {
		return nil, fmt.Errorf("scenario %s: %w", s.Name, ErrOthersIstio)
	}
	r := &run{lab: l, scenario: s, options: o, setup: setup, started: time.Now(), proved: map[string][]reports.Verdict{}, roster: newRoster()}
	if o.LoadPods < 0 || o.LoadPods > loadgen.MaxAgents {
		return nil, fmt.Errorf("%d pods of load are not 1 to %d", o.LoadPods, loadgen.MaxAgents)
	}
	r.setup.Load = s.plan(o.ID)
	if o.LoadPods > 1 {
		r.setup.Load.Agents = o.LoadPods
	}
	if err := r.open(); err != nil {
		return nil, err
	}
	broke := r.live(ctx)
	rep, saved := r.report(broke)
	// The report is safe by now, whatever the cleaning up meets.
	cleaned := r.clean(ctx)
	if cleaned != nil {
		rep.Notes = append(rep.Notes, "cleaning up failed: "+cleaned.Error())
		saved = errors.Join(saved, rep.Save(o.Dir))
	}
	return rep, errors.Join(broke, saved, cleaned)
}

// A run is one play of a scenario.
type run struct {
	lab      lab
	scenario Scenario
	options  Options
	setup    reports.Setup
	started  time.Time

	trace *trace.Writer
	rec   *recorder
	parts parts
	// owned tells that the namespace is this run's to delete.
	owned  bool
	proved map[string][]reports.Verdict
	files  []reports.File

	mu    sync.Mutex
	notes []string
	// at is the step that was begun last.
	at     string
	roster *roster
	// changes are the changes of the run so far. The last of them may make pods come and go.
	changes []changing
	moving  bool
	// down tells that istiod is away because a step took it.
	down bool
	// cuts are the log streams that ended.
	cuts []cut
}

// A changing is a phase whose change began at a moment.
type changing struct {
	phase string
	since time.Time
}

func (r *run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := fmt.Sprintf(format, args...); !slices.Contains(r.notes, n) {
		r.notes = append(r.notes, n)
	}
}

// step reports f's progress.
func (r *run) step(name string, f func() error) error {
	done := cluster.Begin(r.options.Progress, name)
	r.mu.Lock()
	r.at = name
	r.mu.Unlock()
	err := f()
	done(err)
	return err
}

// cut puts in err's place what ended ctx, if that is why there is an error: what follows from an interruption is noise. Of a
// deadline it is not: err says what was waited for.
func (r *run) cut(ctx context.Context, err error) error {
	switch {
	case err == nil || ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.Is(err, ctx.Err()):
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	cause := context.Cause(ctx)
	if !errors.Is(cause, context.Canceled) {
		cause = fmt.Errorf("%w: %w", context.Canceled, cause)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Errorf("interrupted in step %q: %w", r.at, cause)
}

// open makes the run's folder: an empty trace, and the manifests.
func (r *run) open() error {
	dir := filepath.Join(r.options.Dir, ManifestsDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the run's folder: %w", err)
	}
	record, err := trace.Create(filepath.Join(r.options.Dir, trace.File))
	if err != nil {
		return err
	}
	r.trace, r.rec = record, newRecorder(record, r.setup.Load)
	r.files = []reports.File{{Path: trace.File, What: "every event, request and access log entry"}}
	if r.parts, err = newParts(r.scenario.Name, r.setup.Load, r.scenario.gates()); err != nil {
		return errors.Join(err, record.Close())
	}
	kept := map[string][]byte{"recorder.yaml": r.parts.recorder, "callers.yaml": r.parts.callers}
	names := []string{"recorder.yaml", "callers.yaml"}
	for _, p := range r.scenario.Phases {
		file := fileOf(p.Do)
		if _, have := kept[file]; have || file == "" {
			continue
		}
		if kept[file], err = r.scenario.manifest(file); err != nil {
			return errors.Join(err, record.Close())
		}
		names = append(names, file)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), kept[name], 0o644); err != nil {
			return errors.Join(fmt.Errorf("keep a manifest: %w", err), record.Close())
		}
		what := "applied as it is"
		if r.lab.Adapts {
			what = "applied, with the images and labels of this cluster"
		}
		r.files = append(r.files, reports.File{Path: ManifestsDir + "/" + name, What: what})
	}
	return nil
}

// live is all of a run that needs the cluster, but for cleaning up. When it returns there is no load any more.
func (r *run) live(ctx context.Context) error {
	err := r.vacate(ctx)
	stopWatching := func() {}
	if err == nil && r.scenario.gates() && r.lab.Provide != nil {
		err = r.step("bring Prometheus to the cluster", func() error { return r.lab.Provide(ctx, prometheusImage) })
	}
	if err == nil {
		// What ends ctx must not cut off the records.
		stopWatching = r.observe(context.WithoutCancel(ctx))
	}
	defer func() { stopWatching() }()
	if err == nil {
		err = r.step("deploy "+r.scenario.Name, func() error { return r.deploy(ctx) })
	}
	if err == nil {
		err = r.step("warm up", func() error { return r.warmUp(ctx) })
	}
	if err == nil {
		return r.measure(ctx)
	}
	err = r.cut(ctx, err)
	r.broken(err)
	return err
}

func (r *run) broken(err error) {
	r.rec.event(trace.Event{At: time.Now(), Kind: trace.Broken, Text: err.Error()})
}

// vacate removes what an earlier run of the scenario left, if it is certain that it was one, and brings an istiod back that an earlier run
// of any scenario had taken away.
func (r *run) vacate(ctx context.Context) error {
	if err := r.restore(ctx, "bring istiod back, which an earlier run had taken away"); err != nil {
		return err
	}
	ns := r.scenario.Name
	owner, found, err := r.lab.Objects.Owner(ctx, ns)
	switch {
	case err != nil:
		return err
	case !found:
		return nil
	case owner != Manager:
		return fmt.Errorf("namespace %s exists and is not the lab's (it lacks the label %s: %s): rename or delete it first", ns, ManagedBy, Manager)
	}
	r.note("An earlier run had left namespace %s, which was deleted first.", ns)
	return r.step("remove what an earlier run left", func() error {
		ctx, cancel := context.WithTimeout(ctx, cleanWithin)
		defer cancel()
		return r.lab.Objects.Remove(ctx, ns)
	})
}

// restore brings istiod back if a step took it away.
func (r *run) restore(ctx context.Context, step string) error {
	if r.lab.Istiod == nil {
		return nil
	}
	stopped, err := r.lab.Istiod.Stopped(ctx)
	if err != nil || !stopped {
		return err
	}
	return r.step(step, func() error {
		ctx, cancel := context.WithTimeout(ctx, istiodWithin)
		defer cancel()
		return r.lab.Istiod.Start(ctx)
	})
}

// deploy makes the namespace with the recorder in it, applies the first phase's manifests and adds who sends the load. It
// waits for the pods and their proxies.
func (r *run) deploy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deployWithin)
	defer cancel()
	namespace, err := r.scenario.namespace()
	if err != nil {
		return err
	}
	r.owned = true
	for _, manifests := range [][]byte{namespace, r.parts.recorder} {
		if err := r.lab.Objects.Apply(ctx, manifests); err != nil {
			return err
		}
	}
	if err := r.scenario.Phases[0].Do.do(ctx, r.scenario, r.lab); err != nil {
		return err
	}
	if err := r.lab.Objects.Apply(ctx, r.parts.callers); err != nil {
		return err
	}
	if err := r.lab.Objects.Ready(ctx, r.scenario.Name); err != nil {
		return err
	}
	return r.lab.Proxies.Await(ctx, r.scenario.Name, func(holding) {})
}

// warmUp sends the load for a short time, unrecorded.
func (r *run) warmUp(ctx context.Context) error {
	plan := r.setup.Load
	plan.Run, plan.Duration = warmRun(plan.Run), warmFor
	bound := warmFor + r.timeout() + stopWithin
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("the load agent did not end in %s", bound))
	defer cancel()
	var mu sync.Mutex // each entry has an agent of its own
	var last loadgen.Sample
	ends, err := r.attack(ctx, plan, ctx.Done(), loadgen.Handler{Samples: func(all []loadgen.Sample) {
		mu.Lock()
		defer mu.Unlock()
		last = all[len(all)-1]
	}})
	if ctx.Err() != nil {
		return fmt.Errorf("warm up: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	sent, answered := uint64(0), uint64(0)
	for _, end := range ends {
		for _, c := range end.Cohorts {
			sent, answered = sent+c.Sent, answered+c.Answered
		}
	}
	if answered == 0 {
		return fmt.Errorf("warm up: none of %d requests was answered; the last one: %s", sent, last.Err)
	}
	r.note("The same callers sent for %s before the load began, so that proxies and connections are warm; these %s requests are not counted.",
		warmFor, format.Number(int(sent)))
	if r.setup.Envoy == "" {
		v, err := r.lab.Proxies.Version(ctx, r.scenario.Name)
		if err != nil {
			r.note("Envoy's version is not known: %v", err)
		}
		r.setup.Envoy = v
	}
	return nil
}

// timeout is how long a request of the load may take.
func (r *run) timeout() time.Duration {
	if t := r.setup.Load.Timeout; t > 0 {
		return t
	}
	return loadgen.DefaultTimeout
}

// measure sends the load, plays the phases under it, and collects what belongs to it. The load has ended when it returns.
func (r *run) measure(ctx context.Context) error {
	all, err := r.quiet(ctx)
	if err != nil {
		err = r.cut(ctx, fmt.Errorf("read the app's counters before the load: %w", err))
		r.broken(err)
		return err
	}
	r.mu.Lock()
	r.roster.open(all)
	pods := r.roster.all()
	r.mu.Unlock()
	r.rec.pods(pods)

	// What ends ctx must not cut off the records: load and log are ended below, in order.
	background := context.WithoutCancel(ctx)
	logCtx, dropLog := context.WithCancel(background)
	defer dropLog()
	loadCtx, dropLoad := context.WithCancel(background)
	defer dropLoad()
	loaded, give := context.WithCancelCause(ctx)
	defer give(nil)

	logDone := make(chan error, 1)
	go func() {
		err := r.lab.Witnesses.AccessLog(logCtx, r.scenario.Name, logSink{Entries: r.rec.entries, Cut: r.logCut, Trouble: r.trouble})
		if logCtx.Err() == nil {
			give(fmt.Errorf("the access log broke off: %w", orEnd(err)))
		}
		logDone <- err
	}()
	stop := make(chan struct{})
	loadDone := make(chan error, 1)
	go func() {
		ends, err := r.attack(loadCtx, r.setup.Load, stop, loadgen.Handler{Begin: r.rec.begin, Samples: r.rec.samples, Health: r.rec.health})
		select {
		case <-stop:
		default:
			if err == nil {
				err = fmt.Errorf("the load agent ended by itself (%s)", byItself(ends))
			}
			give(fmt.Errorf("the load broke off: %w", orEnd(err)))
		}
		loadDone <- err
	}()
	shown := make(chan struct{})
	showing, hide := context.WithCancel(background)
	go func() {
		defer close(shown)
		r.show(showing)
	}()
	defer func() {
		hide()
		<-shown
	}()

	err = r.cut(ctx, r.phases(loaded))
	if err != nil {
		r.broken(err)
	}
	r.rec.event(trace.Event{At: time.Now(), Kind: trace.LoadStop})
	close(stop)
	collected := r.step("collect", func() error {
		return r.collect(background, err == nil, loadDone, dropLoad, logDone, dropLog)
	})
	if err != nil && errors.Is(err, collected) {
		// The load broke off, and that is why the phases did.
		return err
	}
	return errors.Join(err, collected)
}

var errEnd = errors.New("it ended without an error")

func orEnd(err error) error {
	if err == nil {
		return errEnd
	}
	return err
}

// collect awaits the end of a load that was told to stop, every access log entry that belongs to it, and the app's last word. For
// the last word of pods that are about to end it has patience only if the run came to its own end.
func (r *run) collect(ctx context.Context, whole bool, loadDone <-chan error, dropLoad func(), logDone <-chan error, dropLog func()) error {
	var err error
	patience := time.NewTimer(r.timeout() + stopWithin)
	defer patience.Stop()
	select {
	case err = <-loadDone:
	case <-patience.C:
		dropLoad()
		err = errors.Join(fmt.Errorf("the load agent did not end within %s of being told to", r.timeout()+stopWithin), <-loadDone)
	}

	drain, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	if err := r.until(drain, func() bool { return r.rec.missing() == 0 }); err != nil {
		r.note("The records of %s requests were not complete %s after the load.", format.Number(r.rec.missing()), drainWithin)
	}
	// Of a request that got no answer nobody knows how many entries there are to come.
	late, cancel := context.WithTimeout(ctx, lateWithin)
	defer cancel()
	_ = r.until(late, func() bool { return r.rec.open() == 0 })
	dropLog()
	if err := <-logDone; err != nil {
		r.note("The access log: %v", err)
	}

	if whole {
		farewell, cancel := context.WithTimeout(ctx, leaveWithin)
		defer cancel()
		if err := r.until(farewell, func() bool { return len(r.leaving()) == 0 }); err != nil {
			r.note("%s had not ended %s after the load, so that what it received is not known to the last request.",
				strings.Join(r.leaving(), ", "), leaveWithin)
		}
	}
	all, unread := r.quiet(ctx)
	if unread != nil {
		r.note("The app's counters could not be read at the end: %v", unread)
	}
	r.mu.Lock()
	r.roster.settle(all)
	pods := r.roster.all()
	r.mu.Unlock()
	r.rec.pods(pods)
	r.judgeCuts()
	if fault := r.rec.fault(); fault != nil {
		return errors.Join(err, fault)
	}
	return err
}

// until waits for a fact that the recorder has news of.
func (r *run) until(ctx context.Context, fact func() bool) error {
	for {
		if err := r.rec.fault(); err != nil {
			return err
		}
		if fact() {
			return nil
		}
		select {
		case <-r.rec.news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// quiet reads the counters of the app's pods when none of them has a request in flight and the one reading says what the
// last one said. Pods that stay busy are read as they are: the books will tell.
func (r *run) quiet(ctx context.Context) ([]sampleapp.Counters, error) {
	ctx, cancel := context.WithTimeout(ctx, quietWithin+countWithin)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	giveUp := time.Now().Add(quietWithin)
	var before []sampleapp.Counters
	for {
		all, err := r.lab.Apps.Counters(ctx, r.scenario.Name)
		if err != nil {
			return nil, err
		}
		if before != nil && slices.EqualFunc(before, all, idle) {
			return all, nil
		}
		if time.Now().After(giveUp) {
			r.note("Pods were still busy when their counters were read.")
			return all, nil
		}
		if before = all; before == nil {
			before = []sampleapp.Counters{}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// idle tells whether a pod did nothing between two readings.
func idle(a, b sampleapp.Counters) bool {
	return a.Pod == b.Pod && a.Received == b.Received && a.InFlight == 0 && b.InFlight == 0
}

// phases plays the phases.
func (r *run) phases(ctx context.Context) error {
	begin, cancel := context.WithTimeoutCause(ctx, beginWithin, fmt.Errorf("the load agent did not begin within %s", beginWithin))
	defer cancel()
	if err := r.until(begin, func() bool { return !r.rec.start().IsZero() }); err != nil {
		return err
	}
	at := r.rec.start()
	// Several agents begin together, at a moment that lies ahead.
	select {
	case <-time.After(time.Until(at)):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.rec.event(trace.Event{At: at, Kind: trace.LoadStart})
	for i, p := range r.scenario.Phases {
		name := fmt.Sprintf("phase %d of %d: %s", i+1, len(r.scenario.Phases), p.Name)
		err := r.step(name, func() (err error) {
			at, err = r.phase(ctx, i, at)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// phase plays one phase from start on, and returns when it ended: there the next begins, so that no request falls between.
func (r *run) phase(ctx context.Context, i int, start time.Time) (end time.Time, err error) {
	p := r.scenario.Phases[i]
	event := func(e trace.Event) {
		e.Phase = p.Name
		if e.At.IsZero() {
			e.At = time.Now()
		}
		r.rec.event(e)
	}
	event(trace.Event{At: start, Kind: trace.PhaseStart, Text: p.did()})
	decided := r.detect(ctx, p, event)
	defer decided.stop()
	settled, err := r.change(ctx, i, event)
	if err != nil {
		return end, fmt.Errorf("phase %s: %w", p.Name, err)
	}
	if settled {
		reading := time.Now()
		counters := r.received(ctx)
		at := time.Now()
		event(trace.Event{At: at, Kind: trace.Settled, Counters: counters, Reading: reading})
		r.rec.watch(at)
		if err := r.watch(ctx, i, decided); err != nil {
			return end, fmt.Errorf("phase %s: %w", p.Name, err)
		}
	}
	counters := r.received(ctx)
	if ctx.Err() != nil {
		return end, fmt.Errorf("phase %s: %w", p.Name, context.Cause(ctx))
	}
	end = time.Now()
	event(trace.Event{At: end, Kind: trace.PhaseEnd, Counters: counters})
	return end, nil
}

// change does the phase's step and waits until it has settled. It is not an error if that takes too long: then the phase has
// nothing to be judged by.
func (r *run) change(ctx context.Context, i int, event func(trace.Event)) (settled bool, err error) {
	p := r.scenario.Phases[i]
	t := touch{}
	var writing time.Time
	switch {
	case i == 0:
		// It was applied before the load: all that is left is to know that every proxy holds it.
		t.Proxies = true
	case p.Do != nil:
		if t, err = p.Do.touches(r.scenario); err != nil {
			return false, err
		}
		if t.Istiod {
			r.takesIstiod(true)
		}
		stepCtx, cancel := context.WithTimeout(ctx, stepWithin)
		defer cancel()
		writing = time.Now()
		r.changing(p.Name, writing, t.Workloads)
		event(trace.Event{At: writing, Kind: trace.Writing, Text: p.did()})
		if err := p.Do.do(stepCtx, r.scenario, r.lab); err != nil {
			return false, interrupted(ctx, fmt.Errorf("%s: %w", p.did(), err))
		}
		event(trace.Event{Kind: trace.Written, Text: p.did()})
		if t.Workloads {
			if err := r.lab.Objects.Ready(stepCtx, r.scenario.Name); err != nil {
				return false, interrupted(ctx, err)
			}
		}
	}
	if t.Proxies {
		if settled, err = r.arrive(ctx, p, writing, event); err != nil || !settled {
			return settled, err
		}
	}
	if _, back := p.Do.(StartIstiod); back {
		r.takesIstiod(false)
	}
	return r.come(ctx, i)
}

// takesIstiod notes that istiod is away on purpose, or is back.
func (r *run) takesIstiod(away bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = away
}

// come waits for the facts that a phase's change brings about. It is not an error if that takes too long: then the phase has nothing to be
// judged by.
func (r *run) come(ctx context.Context, i int) (bool, error) {
	p := r.scenario.Phases[i]
	within, cancel := context.WithTimeout(ctx, awaitWithin)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for _, fact := range p.Await {
		for {
			v, _ := prove(within, fact, r.scenario, i, r.lab)
			if v.Outcome == reports.Pass {
				break
			}
			select {
			case <-tick.C:
				continue
			case <-within.Done():
			}
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			r.note("Phase %s: within %s it did not come about that %s: %s", p.Name, awaitWithin, fact, v.Saw)
			return false, nil
		}
	}
	return true, nil
}

// arrive waits until every proxy holds the phase's change.
func (r *run) arrive(ctx context.Context, p Phase, writing time.Time, event func(trace.Event)) (settled bool, err error) {
	settle, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	err = r.lab.Proxies.Await(settle, r.scenario.Name, func(h holding) {
		if writing.IsZero() {
			return
		}
		late := !h.Exact // only endpoints changed, or something went away
		if h.At.Before(writing) {
			// There was nothing new for this proxy, or it leaves no date. It has held the change by now: that is all that is known.
			h.At, late = time.Now(), true
		}
		event(trace.Event{At: h.At, Kind: trace.Synced, Proxy: h.Proxy, Late: late})
		r.rec.held(h.At.Sub(writing))
	})
	var refused refusal
	if errors.As(err, &refused) && ctx.Err() == nil {
		event(trace.Event{Kind: trace.Rejected, Proxy: refused.Proxy, Text: refused.Reason})
		r.note("Phase %s: %v", p.Name, refused)
		return false, nil
	}
	if err != nil && settle.Err() != nil && ctx.Err() == nil {
		r.note("Phase %s: not every proxy held the change within %s: %v", p.Name, settleWithin, err)
		return false, nil
	}
	if err != nil {
		return false, interrupted(ctx, err)
	}
	return true, nil
}

// interrupted puts what ended ctx before the error that followed from it.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// received reads the counters of all pods, nil where that failed.
func (r *run) received(ctx context.Context) map[string]uint64 {
	ctx, cancel := context.WithTimeout(ctx, countWithin)
	defer cancel()
	all, err := r.lab.Apps.Counters(ctx, r.scenario.Name)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			r.note("The app's counters could not be read in between: %v", err)
		}
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roster.read(all)
	return r.roster.received()
}

// A deciding is a Detector at work.
type deciding struct {
	stop func()
	// done is closed when it has decided, or can't: then err says why. It is nil where nobody watches.
	done chan struct{}
	err  error
}

// detect begins to watch the canary of a phase, if the phase wants that.
func (r *run) detect(ctx context.Context, p Phase, event func(trace.Event)) *deciding {
	d := &deciding{stop: func() {}}
	if p.Until == nil {
		return d
	}
	ctx, cancel := context.WithCancel(ctx)
	f := newFeed(time.Now())
	r.rec.feedTo(f)
	d.done = make(chan struct{})
	go func() {
		defer close(d.done)
		decision, err := p.Until.decide(ctx, r.scenario, r.lab, f)
		if d.err = err; err == nil {
			event(trace.Event{Kind: trace.Decided, Decision: &decision, Text: decision.Text})
		}
	}()
	d.stop = func() {
		cancel()
		<-d.done
		r.rec.feedTo(nil)
	}
	return d
}

// watch looks at the phase's proofs, and lets the phase go on until it has its requests, its decision or its deadline.
func (r *run) watch(ctx context.Context, i int, decided *deciding) error {
	p := r.scenario.Phases[i]
	span := minWatch
	for _, e := range p.Expect {
		if long, ok := e.(interface{ Span() time.Duration }); ok {
			span = max(span, long.Span())
		}
	}
	least := time.NewTimer(span)
	defer least.Stop()
	bounded, cancel := context.WithTimeout(ctx, p.deadline())
	defer cancel()
	for _, proof := range p.Prove {
		v, notes := prove(ctx, proof, r.scenario, i, r.lab)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r.proved[p.Name] = append(r.proved[p.Name], v)
		for _, n := range notes {
			r.note("%s", n)
		}
	}
	if decided.done != nil {
		// Whoever watches decides at once what comes next.
		select {
		case <-decided.done:
			if decided.err != nil && ctx.Err() == nil {
				r.note("Phase %s: nothing was decided: %v", p.Name, decided.err)
			}
		case <-bounded.Done():
		}
		return context.Cause(ctx)
	}
	need := expect.Needs(p.Expect)
	if err := r.until(bounded, func() bool { return r.rec.has(need) }); err != nil && (ctx.Err() != nil || bounded.Err() == nil) {
		return err
	}
	select {
	case <-least.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// report closes the trace, and makes the report from it. It is never nil.
func (r *run) report(broke error) (*reports.Report, error) {
	s := r.scenario
	rep := &reports.Report{
		Scenario: s.Name, Title: s.Title, Story: s.Story, Cause: s.Cause, Source: s.Source, See: s.See, Fix: s.Fix, Back: s.Back,
		Run: r.options.ID, Started: r.started.UTC(), Setup: r.setup, BringUp: r.options.BringUp, Files: r.files,
	}
	if broke != nil {
		rep.Broken = broke.Error()
	}
	if others := r.otherClocks(); len(others) > 0 {
		r.note("Proxies and istiod tell the time by the clocks of their own machines: when a change was held, and what a rollback is made of, is off by as much as those are: %s. "+
			"Requests are not: their times were corrected.", strings.Join(others, ", "))
	}
	err := r.trace.Close()
	result, unread := analysis.Analyze(trace.FileSource(filepath.Join(r.options.Dir, trace.File)), analysis.Spec{Plan: r.setup.Load, Phases: s.specs()})
	if err = errors.Join(err, unread); err != nil {
		rep.Broken = errors.Join(broke, err).Error()
	}
	if result == nil {
		// What can be said without a trace.
		result, _ = analysis.Analyze(&trace.Trace{}, analysis.Spec{Plan: r.setup.Load, Phases: s.specs()})
	}
	for i, p := range s.Phases {
		o := result.Observations[i]
		rep.Phases = append(rep.Phases, reports.Phase{
			Name: p.Name, Did: p.did(), Observation: o, Verdicts: r.judge(p, o), Breaks: p.Breaks, Fixes: p.Fixes, Point: p.Point, Repeat: p.Repeat,
		})
	}
	rep.Accounting, rep.Timeline, rep.Curves = result.Accounting, result.Timeline, result.Curves
	rep.Notes = r.notes
	rep.Took = time.Since(r.started)
	rep.Conclude()
	return rep, errors.Join(err, rep.Save(r.options.Dir))
}

// otherClocks says, of each machine that had pods of the run and does not have the lab's clock, how its clock stands to the lab's, as far
// as that was measured: by the load agents that ran on it.
func (r *run) otherClocks() []string {
	r.mu.Lock()
	pods := r.roster.all()
	r.mu.Unlock()
	measured := r.rec.agentClocks()
	nodes := map[string]string{}
	for _, p := range pods {
		if _, known := nodes[p.Node]; p.Node != "" && !known {
			nodes[p.Node] = p.Node + " (not measured)"
		}
	}
	for _, p := range pods {
		switch c, known := measured[p.Name]; {
		case !known:
		case c.Offset == 0 && c.Error == 0:
			delete(nodes, p.Node)
		default:
			nodes[p.Node] = fmt.Sprintf("%s (off by %s, to within %s)", p.Node, (-c.Offset).Round(10*time.Microsecond), c.Error.Round(10*time.Microsecond))
		}
	}
	return slices.Sorted(maps.Values(nodes))
}

// judge is a phase's proofs and expectations, each with a verdict.
func (r *run) judge(p Phase, o analysis.Observation) []reports.Verdict {
	all := slices.Clone(r.proved[p.Name])
	for _, missed := range p.Prove[len(all):] {
		all = append(all, reports.Verdict{
			Want: missed.String(), Saw: "nothing", Outcome: reports.Inconclusive, Why: "the phase did not get that far", Proof: true,
		})
	}
	for _, e := range p.Expect {
		all = append(all, e.Check(o))
	}
	return all
}

// clean deletes what the run made, also when ctx has ended.
func (r *run) clean(ctx context.Context) error {
	if !r.owned {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWithin)
	defer cancel()
	restored := r.restore(ctx, "bring istiod back")
	return errors.Join(restored, r.step("clean up", func() error {
		if err := r.lab.Objects.Remove(ctx, r.scenario.Name); err != nil {
			return fmt.Errorf("namespace %s is left over: %w", r.scenario.Name, err)
		}
		return nil
	}))
}
