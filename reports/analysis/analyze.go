// Package analysis says what a trace shows: what each phase met, how long rollbacks took, and whether all
// requests are accounted for. It is a pure function of what was recorded.
package analysis

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Spec is what Analyze needs to know of a run beside its trace.
type Spec struct {
	Plan   loadgen.Plan
	Phases []PhaseSpec
}

// An Analysis is what a trace says.
type Analysis struct {
	// Observations has one element per phase of the Spec, in the same order, also for phases that never began.
	Observations []Observation
	Accounting   Accounting
	// Timeline is of the whole run, nil without a request. Curves are by version, of the settled parts of all phases.
	Timeline *Timeline
	Curves   []Curve
}

// Horizon is how long after a request something about it may still come: Envoy's log entries come a fraction of
// a second after the answer, and a request takes loadgen.MaxTimeout at most.
const Horizon = loadgen.MaxTimeout + 10*time.Second

// never is later than anything in a trace.
var never = time.Unix(1<<40, 0)

// Analyze reads a trace and says what each phase met and whether all requests are accounted for. Phases do not
// overlap; a request that was sent outside of all of them is in no window (Accounting.Outside counts those).
// The memory that it takes does not grow with the trace, apart from what a request that is missing costs: up to a word
// for each 64 of its neighbors.
func Analyze(src trace.Source, spec Spec) (*Analysis, error) {
	facts, _, err := trace.Facts(src)
	if err != nil {
		return nil, err
	}
	return AnalyzeFacts(src, facts, spec)
}

// AnalyzeFacts is Analyze for who has read the trace's Facts already: a long trace takes a while to read.
func AnalyzeFacts(src trace.Source, facts *trace.Trace, spec Spec) (*Analysis, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	n, memory := len(spec.Phases), newBudget()
	a := &analyzer{
		memory: memory,
		spec:   spec, obs: make([]Observation, n), counted: make([]time.Time, n), tallies: make([]*tally, n),
		clocks: map[int]*rollbackClock{}, detections: map[int]*detectionClock{}, closeups: map[int]*timeline{},
		ledger: newLedger(spec.Plan, facts, memory), timeline: newTimeline(facts, memory),
	}
	wrong, ways := clockError(facts.Agents), newWays(spec.Plan, facts.Pods)
	var before Window
	for i, p := range spec.Phases {
		a.obs[i], a.counted[i] = bounds(facts, p.Name)
		o := a.obs[i]
		a.tallies[i] = newTally(&a.obs[i], p, memory)
		a.tallies[i].of(spec.Plan, facts)
		if o.Change != nil && !o.Change.Written.IsZero() {
			a.closeups[i] = newCloseup(o.Change, memory)
			if p.Rollback {
				a.clocks[i] = newRollbackClock(p, ways, before, o, wrong)
			}
		}
		before = o.Settled.after(before, p.Keeps)
		for _, e := range facts.Events {
			if e.Kind == trace.Decided && e.Phase == p.Name && e.Decision != nil {
				a.detections[i] = newDetectionClock(p, o, e)
			}
		}
	}
	a.index()
	a.joiner = trace.NewJoiner(spec.Plan, Horizon, a.request)
	for _, p := range facts.Pods {
		a.joiner.Pod(p)
	}
	truncated, err := src.Lines(false, a.line)
	if err != nil {
		return nil, err
	}
	a.joiner.Flush()
	for i := range a.obs {
		o := &a.obs[i]
		if o.End.Equal(never) {
			a.cut(facts, o, a.tallies[i].last)
		}
		a.tallies[i].close(a.tallies[:i])
		if c, ok := a.closeups[i]; ok {
			o.Closeup = c.close()
		}
		if c, ok := a.clocks[i]; ok {
			o.Rollback = c.result()
		}
		if d, ok := a.detections[i]; ok {
			o.Detection = d.result()
		}
	}
	if err := memory.spent(); err != nil {
		return nil, err
	}
	return &Analysis{
		Observations: a.obs, Accounting: a.ledger.close(a.obs, truncated), Timeline: a.timeline.close(),
		Curves: a.curves(),
	}, nil
}

// curves are of the settled parts of all phases, by version.
func (a *analyzer) curves() []Curve {
	all := map[string]*latencies{}
	for _, t := range a.tallies {
		for version, l := range t.settled.total.versions {
			if all[version] == nil {
				all[version] = &latencies{}
			}
			all[version].merge(l)
		}
	}
	var curves []Curve
	for _, version := range slices.SortedFunc(maps.Keys(all), CompareVersions) {
		curves = append(curves, all[version].curve(version))
	}
	return curves
}

// clockError is the largest error of the clocks of agents on other machines.
func clockError(agents []loadgen.Begin) time.Duration {
	worst := time.Duration(0)
	for _, a := range agents {
		worst = max(worst, a.Clock.Error)
	}
	return worst
}

// underWay counts a request in UnderWay, if it belongs there. counted is when the reading of the counters began.
func (o *Observation) underWay(s *loadgen.Sample, counted time.Time) {
	if s.Version == "" || o.SettledAt.IsZero() || !s.Sent.Before(o.SettledAt) || !s.Done.After(counted) {
		return
	}
	put(&o.UnderWay, s.Version, o.UnderWay[s.Version]+1)
}

type analyzer struct {
	spec   Spec
	memory *budget
	obs    []Observation
	// counted has, for each phase, when the reading of the counters that opens its settled part began.
	counted []time.Time
	tallies []*tally
	// clocks, detections and closeups are by phase.
	clocks     map[int]*rollbackClock
	detections map[int]*detectionClock
	closeups   map[int]*timeline
	ledger     *ledger
	timeline   *timeline
	joiner     *trace.Joiner
	// began has the phases that began, by the time at which they did.
	began []int
}

func (a *analyzer) index() {
	for i, o := range a.obs {
		if !o.Start.IsZero() {
			a.began = append(a.began, i)
		}
	}
	slices.SortStableFunc(a.began, func(i, j int) int { return a.obs[i].Start.Compare(a.obs[j].Start) })
}

// phaseAt is the phase that a moment lies in, -1 for none.
func (a *analyzer) phaseAt(at time.Time) int {
	n := sort.Search(len(a.began), func(i int) bool { return a.obs[a.began[i]].Start.After(at) })
	if n == 0 || !at.Before(a.obs[a.began[n-1]].End) {
		return -1
	}
	return a.began[n-1]
}

// phaseName is the name of a phase, empty for -1.
func (a *analyzer) phaseName(phase int) string {
	if phase < 0 {
		return ""
	}
	return a.obs[phase].Phase
}

// line takes one line of the trace.
func (a *analyzer) line(l *trace.Line) error {
	switch {
	case l.Sample != nil:
		for _, c := range a.clocks {
			c.add(l.Sample)
		}
		for _, d := range a.detections {
			d.add(l.Sample)
		}
		for i := range a.obs {
			a.obs[i].underWay(l.Sample, a.counted[i])
			a.obs[i].opens(l.Sample, a.memory)
		}
		a.ledger.sample(l.Sample)
		a.joiner.Sample(l.Sample)
	case l.Log != nil:
		if !strings.HasPrefix(l.Log.ID, a.spec.Plan.Run+"-") {
			a.ledger.foreign(l.Log, a.phaseName(a.phaseAt(l.Log.Start)))
			return nil
		}
		a.joiner.Log(l.Log)
	case l.Health != nil:
		a.ledger.health(l.Health)
	}
	return a.memory.spent()
}

// request takes all that is known of one request.
func (a *analyzer) request(q trace.Request) {
	phase := -1
	switch {
	case q.Sample != nil:
		phase = a.phaseAt(q.Sample.Sent)
	case len(q.Routers) > 0:
		phase = a.phaseAt(q.Routers[0].Start)
	case len(q.Servers) > 0:
		phase = a.phaseAt(q.Servers[0].Start)
	}
	if q.Sample != nil {
		a.timeline.add(&q)
		for _, c := range a.closeups {
			c.add(&q)
		}
		if phase >= 0 {
			a.tallies[phase].add(&q)
		}
	}
	a.ledger.request(&q, a.phaseName(phase))
}

// cut ends a phase that was not closed: where the trace does. last is when its last request was sent.
func (a *analyzer) cut(facts *trace.Trace, o *Observation, last time.Time) {
	o.End = o.Start
	for _, e := range facts.Events {
		if e.At.After(o.End) {
			o.End = e.At
		}
	}
	if !last.Before(o.End) {
		o.End = last.Add(1)
	}
	if o.SettledAt.IsZero() {
		o.Transition.End = o.End
	} else {
		o.Settled.End = o.End
	}
}
