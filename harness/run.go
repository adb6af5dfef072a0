// Package harness plays a scenario: one unbroken load, one change after the other under it, each awaited until
// every proxy has it. What happens is recorded while it happens; the report is made from that record.
//
// The files follow a run: run.go from its folder to the cleaning up, player.go through the phases, load.go over
// the load and all that belongs to it, journal.go and observe.go over what else happens meanwhile, result.go to
// the report.
package harness

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/mesh"
	"github.com/canarylab/canarylab/harness/progress"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/trace"
)

// Options are for Run.
type Options struct {
	// Dir is the run's own folder. It is made if it is not there; a folder that has a trace already is refused.
	Dir string
	// ID names the run. Empty means a new loadgen.RunID.
	ID string
	// Progress is told of every step; nil means nobody is.
	Progress progress.Progress
	// Setup says in the report what the environment is. Run adds Load, and Envoy where it is empty.
	Setup reports.Setup
	// BringUp goes into the report.
	BringUp []reports.Step
	// Tap is shown what the run records; nil means nobody is.
	Tap Tap
	// Rate is that of the load, in requests a second of all cohorts together, which they share in the scenario's
	// proportions. 0 has the run find the highest that the machine carries, from the scenario's own down to the lowest
	// that its claims allow.
	Rate int
	// Pace decides which phase comes next and when; nil means that the phases are played in their order.
	Pace Pace
	// Keep leaves the scenario's namespaces as they are at the end, for who wants to look around. The next run of the
	// scenario removes them. A run that is interrupted keeps nothing.
	Keep bool
	// LoadPods is how many pods share the load of each entry; 0 means one.
	LoadPods int
	// Reveal gives the scenario the words that nobody was to read while it was played: its texts, and the marks of its
	// phases. It is called once the load has ended. Nil means that there are none.
	Reveal func(*Scenario)
}

// ErrOthersIstio is wrapped where a scenario would take an istiod away that is not the lab's.
var ErrOthersIstio = errors.New("it takes istiod away, which the lab does only to an Istio of its own: " +
	"play it on an embedded or a kind cluster")

// Run plays s in env, in a namespace of its own that it makes and deletes again.
//
// Run validates s before it starts anything; an error from that comes without a report. From then on there is
// always a report, also saved in o.Dir: what Istio did, good or bad, is in there, and its Broken says why the
// run was cut short, if it was. The error is for a lab that broke, for ctx that ended (it is wrapped), and for
// what could not be cleaned up.
func Run(ctx context.Context, env environment.Environment, s Scenario, o Options) (*reports.Report, error) {
	r, err := newRun(env, s, o)
	if err != nil {
		return nil, err
	}
	broke := r.live(ctx)
	rep, saved := r.report(broke)
	// The report is safe by now, whatever the cleaning up meets.
	cleaned := r.clean(ctx)
	if cleaned != nil {
		r.journal.note("cleaning up failed: %v", cleaned)
		rep, saved = r.judge(broke)
	}
	return rep, errors.Join(broke, saved, cleaned, r.trace.Close())
}

// A run is one play of a scenario.
type run struct {
	env      environment.Environment
	scenario Scenario
	options  Options
	setup    reports.Setup
	rate     reports.Rate
	addons   addons.Addons
	started  time.Time

	trace   *trace.Writer
	rec     *recorder
	pods    *podTracker
	journal *journal
	// step has the name of the step that was begun last, a string.
	step atomic.Value

	// The goroutine that plays the run has the rest for itself.

	// owned tells that the namespace is this run's to delete.
	owned bool
	// stages orders other rates of the load, and sendAt does that and waits; nil where the run has no Pace. sending is
	// the rate that is sent, and lowest the lowest one that all claims can be decided at, in requests a second.
	stages          chan loadgen.Stage
	sendAt          func(ctx context.Context, rate int) error
	sending, lowest int
	// findings are those of the proofs, each once.
	findings []string
	files    []reports.File
}

// newRun checks what is asked for, and makes the run's folder.
func newRun(env environment.Environment, s Scenario, o Options) (*run, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	switch {
	case o.Dir == "":
		return nil, errors.New("no folder for the run: set Options.Dir, such as to RunDir's")
	case s.OwnIstioOnly() && env.Istiod == nil:
		return nil, fmt.Errorf("scenario %s: %w", s.Name, ErrOthersIstio)
	case o.LoadPods < 0 || o.LoadPods > loadgen.MaxAgents:
		return nil, fmt.Errorf("%d pods of load are not 1 to %d", o.LoadPods, loadgen.MaxAgents)
	}
	if o.Rate != 0 {
		if err := s.CheckRate(o.Rate, o.LoadPods); err != nil {
			return nil, err
		}
	}
	if o.ID == "" {
		o.ID = loadgen.RunID()
	}
	r := &run{
		env: env, scenario: s, options: o, setup: o.Setup, started: time.Now(), pods: newPodTracker(),
	}
	r.step.Store("")
	r.setup.Load, r.setup.FromFolder = r.plan().WithoutSecrets(), s.Folder != ""
	r.setup.API = s.API
	if o.Rate > 0 {
		floor := s.Lowest(o.LoadPods)
		r.rate = reports.Rate{Own: s.Rate(), Lowest: min(floor.Rate, s.Rate()), LowestFor: floor.For, Asked: true}
		r.setRate(o.Rate)
	}
	var err error
	if r.addons, err = addons.New(s.site(), r.setup.Load, s.asksMetrics()); err != nil {
		return nil, err
	}
	return r, r.makeFolder()
}

// at returns the moment of a phase, counted from 0.
func (r *run) at(phase int) moment {
	return moment{scenario: r.scenario, phase: phase, env: r.env, sendAt: r.sendAt}
}

// do does a step of the run, and reports its progress.
func (r *run) do(ctx context.Context, step string, f func(context.Context) error) error {
	done := progress.Begin(r.options.Progress, step)
	r.step.Store(step)
	err := f(ctx)
	done(err)
	return err
}

// doWithin does a step of the run that may take so long.
func (r *run) doWithin(ctx context.Context, within time.Duration, step string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return r.do(ctx, step, f)
}

// broken records why the run is cut short. It returns err, or what interrupted the run in its place.
func (r *run) broken(ctx context.Context, err error) error {
	err = r.wrapInterrupt(ctx, err)
	r.rec.event(trace.Event{At: time.Now(), Kind: trace.Broken, Text: err.Error()})
	return err
}

// wrapInterrupt replaces err by the cause that ended ctx, if ctx has ended: the error only follows from the
// interruption. It keeps err where a deadline ended ctx: err says what was waited for.
func (r *run) wrapInterrupt(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		if errors.Is(err, ctx.Err()) {
			return err
		}
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	cause := context.Cause(ctx)
	if !errors.Is(cause, context.Canceled) {
		cause = fmt.Errorf("%w: %w", context.Canceled, cause)
	}
	return fmt.Errorf("interrupted in step %q: %w", r.step.Load(), cause)
}

// live is all of a run that needs the cluster, but for cleaning up. When it returns there is no load any more.
func (r *run) live(ctx context.Context) error {
	err := r.removeLeftovers(ctx)
	for _, image := range r.scenario.images() {
		if err == nil && r.env.Provide != nil {
			err = r.do(ctx, "bring "+image.name+" to the cluster", func(ctx context.Context) error {
				return r.env.Provide(ctx, image.ref)
			})
		}
	}
	if err != nil {
		return r.broken(ctx, err)
	}
	// What ends ctx must not cut off the records.
	stop := r.observe(context.WithoutCancel(ctx))
	defer stop()
	if err = r.doWithin(ctx, deployWithin, "deploy "+r.scenario.Name, r.deploy); err == nil {
		err = r.do(ctx, "warm up", r.warmUp)
	}
	if err == nil && !r.rate.Asked && !r.rate.Carried() {
		err = r.lower(ctx)
	}
	if err == nil {
		err = r.learn(ctx)
	}
	if err != nil {
		return r.broken(ctx, err)
	}
	r.noteOdds()
	if r.options.Pace != nil { // here, for the same reason
		r.lowest = min(r.scenario.Lowest(r.options.LoadPods).Rate, r.scenario.Rate())
	}
	return r.measure(ctx)
}

// noteOdds notes how often the gates of the scenario are wrong, at the rate of the run. It simulates, which has no
// place beside the load: the processor would be missing there, just when a phase begins.
func (r *run) noteOdds() {
	for i, p := range r.scenario.Phases {
		if odds := r.scenario.Odds(i); odds != "" {
			r.journal.note("How often the gate of phase %s is wrong, %s.", p.Name, odds)
		}
	}
}

// removeLeftovers removes what an earlier run of the scenario left, if it is certain that it was one. It brings
// an istiod back that an earlier run of any scenario had taken away.
func (r *run) removeLeftovers(ctx context.Context) error {
	if err := r.startIstiod(ctx, "bring istiod back, which an earlier run had taken away"); err != nil {
		return err
	}
	var left []string
	for _, ns := range r.scenario.Namespaces() {
		owner, found, err := r.env.Objects.Owner(ctx, ns)
		switch {
		case err != nil:
			return err
		case !found:
			continue
		case owner != mesh.Manager:
			return fmt.Errorf("namespace %s exists and is not the lab's (it lacks the label %s: %s): rename or "+
				"delete it first", ns, mesh.ManagedBy, mesh.Manager)
		}
		left = append(left, ns)
	}
	for _, ns := range left {
		r.journal.note("An earlier run had left namespace %s, which was deleted first.", ns)
		err := r.doWithin(ctx, cleanWithin, "remove what an earlier run left", func(ctx context.Context) error {
			return r.env.Objects.Remove(ctx, ns)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// startIstiod brings istiod back if a run took it away.
func (r *run) startIstiod(ctx context.Context, step string) error {
	if r.env.Istiod == nil {
		return nil
	}
	stopped, err := r.env.Istiod.Stopped(ctx)
	if err != nil || !stopped {
		return err
	}
	return r.doWithin(ctx, istiodWithin, step, r.env.Istiod.Start)
}

// deploy makes the namespace with the recorder in it, applies the first phase's manifests and adds who sends
// the load. It waits for the pods and their proxies.
func (r *run) deploy(ctx context.Context) error {
	namespaces, err := r.scenario.namespaces()
	if err != nil {
		return err
	}
	r.owned = true
	for _, objects := range [][]object{namespaces, r.addons.Recorder} {
		if err := r.env.Objects.Apply(ctx, objects); err != nil {
			return err
		}
	}
	if err := r.scenario.Phases[0].Do.do(ctx, r.at(0)); err != nil {
		return err
	}
	if err := r.env.Objects.Apply(ctx, r.addons.Callers); err != nil {
		return err
	}
	if err := r.env.Objects.Ready(ctx, r.scenario.home()); err != nil {
		return err
	}
	return r.env.Proxies.Await(ctx, r.scenario.home(), func(environment.Synced) {})
}

// clean deletes what the run made, also when ctx has ended.
func (r *run) clean(ctx context.Context) error {
	if !r.owned {
		return nil
	}
	if r.options.Keep && ctx.Err() == nil {
		return r.startIstiod(ctx, "bring istiod back")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWithin)
	defer cancel()
	started := r.startIstiod(ctx, "bring istiod back")
	return errors.Join(started, r.do(ctx, "clean up", func(ctx context.Context) error {
		// Side by side: to remove one takes 5 s at least.
		var removing errgroup.Group
		for _, ns := range r.scenario.Namespaces() {
			removing.Go(func() error {
				if err := r.env.Objects.Remove(ctx, ns); err != nil {
					return fmt.Errorf("namespace %s is left over: %w", ns, err)
				}
				return nil
			})
		}
		return removing.Wait()
	}))
}
