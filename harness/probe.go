package harness

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

const (
	// mostLag is how late requests may be, at p99, for a rate to be carried while it is tried: half of what a run may
	// have. Nothing changes while it is tried, and nobody reads the proxies' logs along.
	mostLag = analysis.MaxLagP99 / 2
	// steps is into how many parts a story's rate is divided: those tried are whole numbers of them, for the eye.
	steps = 20
	// lower is what part of a rate that was not carried is tried next.
	lower = 0.75
)

// lower has the run take a rate that the machine carries. A scenario that is played at its own alone is not tried
// again: nothing would follow from it.
func (r *run) lower(ctx context.Context) error {
	if r.scenario.fixed() {
		r.rate.Lowest, r.rate.LowestFor = r.scenario.Rate(), r.scenario.Lowest(r.options.LoadPods).For
		return nil
	}
	return r.do(ctx, "find the rate that the machine carries", r.findRate)
}

// findRate tries which rate the machine carries, from the story's own downwards, and takes the first, or the lowest
// that the claims allow. The story's own is tried a second time: one standstill of 30 ms in the warm-up makes enough
// requests late.
func (r *run) findRate(ctx context.Context) error {
	own := r.scenario.Rate()
	floor := r.scenario.Lowest(r.options.LoadPods)
	floor.Rate = min(floor.Rate, own)
	r.rate.Lowest, r.rate.LowestFor = floor.Rate, floor.For
	rate := own
	for ; ; rate = nextRate(rate, own, floor.Rate) {
		trial, _, err := r.try(ctx, rate, tryFor, trySkips)
		if err != nil {
			return fmt.Errorf("try %d requests a second: %w", rate, err)
		}
		r.rate.Trials = append(r.rate.Trials, trial)
		if trial.Carried || rate <= floor.Rate {
			break
		}
	}
	r.setRate(rate)
	return nil
}

// nextRate is the rate that is tried after one that was not carried. What is hardly more than the lowest is that.
func nextRate(rate, own, lowest int) int {
	step := max(own/steps, 1)
	next := int(lower*float64(rate)) / step * step
	if next < lowest+step {
		return lowest
	}
	return next
}

// setRate plays the scenario at a rate from here on.
func (r *run) setRate(rate int) {
	own := r.scenario
	if r.rate.Played = rate; rate != own.Rate() {
		r.scenario = own.AtRate(rate)
		before := newForecast(own, r.options.LoadPods).lasts(own.Load)
		r.rate.Longer = (newForecast(r.scenario, r.options.LoadPods).lasts(r.scenario.Load) - before).Round(time.Second)
	}
	r.setup.Load = r.plan().WithoutSecrets()
}

// plan is the load of the run, at the scenario's rate.
func (r *run) plan() loadgen.Plan {
	p := r.scenario.plan(r.options.ID)
	if r.options.Pace != nil {
		p.Duration = loadgen.MaxDuration // nobody knows how long a person takes
	}
	if r.options.LoadPods > 1 {
		p.Agents = r.options.LoadPods
	}
	return p
}

// sent is the plan as it is sent. The setup has it as it is recorded.
func (r *run) sent() loadgen.Plan { return r.setup.Load.WithSecretsOf(r.scenario.Load) }

// try sends the load at a rate, unrecorded, and says how late it was after the first skips. It is an error if nothing
// is answered.
func (r *run) try(ctx context.Context, rate int, d, skips time.Duration) (t reports.Trial, sent uint64, err error) {
	plan := r.sent().At(rate)
	plan.Run, plan.Duration = warmRun(plan.Run), d
	bound := d + r.timeout() + stopWithin
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("the load agent did not end in %s", bound))
	defer cancel()
	m := meter{skips: skips, lags: map[string]*analysis.Lag{}}
	processors := r.env.Processors
	if processors != nil {
		_, _ = processors.Used() // what was before does not count
	}
	ends, err := r.env.Callers.Attack(ctx, r.scenario.home(), plan, loadgen.Orders{Stop: ctx.Done()}, m.handler())
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return t, 0, err
	}
	var answered uint64
	for _, end := range ends {
		for _, c := range end.Cohorts {
			sent, answered = sent+c.Sent, answered+c.Answered
		}
	}
	if answered == 0 {
		return t, sent, fmt.Errorf("none of %d requests was answered; the last one: %s", sent, m.last.Err)
	}
	t = reports.Trial{Rate: rate, LagP99: m.p99(), Waiting: m.waited()}
	t.Carried = t.LagP99 <= mostLag && t.Waiting <= analysis.MaxWaits
	if processors != nil && !t.Carried {
		if used, err := processors.Used(); err == nil {
			used.Top(keptPrograms)
			t.Processor = &used
		}
	}
	return t, sent, nil
}

// A meter gathers how late the requests of a trial were.
type meter struct {
	skips time.Duration

	mu    sync.Mutex // there may be several agents
	begin time.Time
	lags  map[string]*analysis.Lag
	last  loadgen.Sample
	// woken and late are those of the agents' health.
	woken, late int
}

func (m *meter) handler() loadgen.Handler {
	return loadgen.Handler{Begin: m.begins, Samples: m.samples, Health: m.health}
}

func (m *meter) begins(b loadgen.Begin) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b.Start.After(m.begin) {
		m.begin = b.Start
	}
}

func (m *meter) samples(all []loadgen.Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = all[len(all)-1]
	for i := range all {
		s := &all[i]
		if s.Due.Before(m.begin.Add(m.skips)) {
			continue
		}
		if m.lags[s.Cohort] == nil {
			m.lags[s.Cohort] = analysis.NewLag()
		}
		m.lags[s.Cohort].Add(s)
	}
}

func (m *meter) health(h loadgen.Health) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.woken, m.late = m.woken+h.Woken, m.late+h.WokenLate
}

// waited is in which fraction of cases an ordinary program waited for a processor, 0 where nobody looked.
func (m *meter) waited() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return float64(m.late) / float64(max(m.woken, 1))
}

// p99 is the lag of the cohort that was latest.
func (m *meter) p99() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	worst := time.Duration(0)
	for _, l := range m.lags {
		worst = max(worst, l.P99())
	}
	return worst
}

// noteRate says what a lower rate costs beside time.
func (r *run) noteRate() {
	if r.rate.Played >= r.rate.Own {
		return
	}
	gap := func(rate int) string { return format.Short(time.Second / time.Duration(max(rate, 1))) }
	r.journal.note("At %s requests a second one is sent every %s, in place of every %s: while a change is on its way, "+
		"what fails for a shorter time may meet none.", format.Number(r.rate.Played), gap(r.rate.Played),
		gap(r.rate.Own))
}
