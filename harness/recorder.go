package harness

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Tap is shown what a run records, while it is recorded: each line of its trace, in about their order. It is safe
// for concurrent use. It must not block, as whoever records waits for it, and it must not change a line.
type Tap interface{ Line(trace.Line) }

// A recorder writes the trace while things happen. It keeps in memory only what the engine waits for and what the live
// display shows. It is safe for concurrent use.
type recorder struct {
	trace *trace.Writer
	// tap is shown every line that was written, nil for nobody.
	tap Tap
	// run is the name of the load's, agents is how many send it.
	run    string
	agents int
	// news has a message when something came that somebody may be waiting for.
	news chan struct{}

	mu sync.Mutex
	// begun counts the agents that have begun to send; began is when the last of them did.
	begun int
	began time.Time
	// stages are the changes of the rate that agents have taken, of each agent each.
	stages []loadgen.Stage
	// clocks are those of the agents, by their pods' names.
	clocks map[string]loadgen.Clock
	// joiner puts together what comes of one request.
	joiner *trace.Joiner
	// connections gives the entries of TCP connections their ids.
	connections *trace.Connections
	live        liveStats
	// known are the pods as they were recorded last.
	known map[string]trace.Pod
	// sent counts, by cohort and for all of them under "", the samples that were sent from the moment from on.
	from time.Time
	sent map[string]int
	// late learns who used the processors while requests were late, nil where nobody wants to know.
	late *lateness
	// feed is that of the detector that watches the canary, nil where none does.
	feed *sampleFeed
	// err is the first error of the trace file.
	err error
}

func newRecorder(record *trace.Writer, plan loadgen.Plan, tap Tap) *recorder {
	r := &recorder{
		trace: record, tap: tap, run: plan.Run, agents: len(plan.Entries()) * max(plan.Agents, 1),
		news: make(chan struct{}, 1), connections: trace.NewConnections(plan),
		sent: map[string]int{}, known: map[string]trace.Pod{}, clocks: map[string]loadgen.Clock{},
	}
	r.joiner = trace.NewJoiner(plan, joinWithin, r.live.add)
	return r
}

// wake tells that something came.
func (r *recorder) wake() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// write appends a line, and shows it to the tap. The first error is kept, and fault returns it.
func (r *recorder) write(l trace.Line) {
	if err := r.trace.Append(l); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err = cmp.Or(r.err, err)
		r.wake()
		return
	}
	if r.tap != nil {
		r.tap.Line(l)
	}
}

// fault returns the first error of the trace file.
func (r *recorder) fault() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// event records an event.
func (r *recorder) event(e trace.Event) { r.write(trace.Line{Event: &e}) }

// pods records what is new of pods.
func (r *recorder) pods(all []trace.Pod) {
	for i := range all {
		p := all[i]
		r.mu.Lock()
		old, known := r.known[p.Name]
		same := known && reflect.DeepEqual(old, p)
		r.known[p.Name] = p
		r.joiner.Pod(p)
		r.mu.Unlock()
		if !same {
			r.write(trace.Line{Pod: &p})
		}
	}
	r.wake()
}

// handler records what the load agents say.
func (r *recorder) handler() loadgen.Handler {
	return loadgen.Handler{Begin: r.begin, Samples: r.samples, Health: r.health, Stage: r.stage}
}

func (r *recorder) stage(s loadgen.Stage) {
	r.mu.Lock()
	r.stages = append(r.stages, s)
	r.mu.Unlock()
	r.wake()
}

// stagesTaken is how often an agent has taken a change of the rate.
func (r *recorder) stagesTaken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.stages)
}

// taken returns the change of the rate that all agents have taken after so many, as the last of them has it.
func (r *recorder) taken(before int) (last loadgen.Stage, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.stages[before:] {
		if s.At >= last.At {
			last = s
		}
	}
	return last, len(r.stages) >= before+r.agents
}

func (r *recorder) begin(b loadgen.Begin) {
	r.write(trace.Line{Agent: &b})
	r.mu.Lock()
	r.clocks[b.Pod] = b.Clock
	r.begun++
	if b.Start.After(r.began) {
		r.began = b.Start
	}
	r.mu.Unlock()
	r.wake()
}

func (r *recorder) samples(all []loadgen.Sample) {
	for i := range all {
		r.write(trace.Line{Sample: &all[i]})
	}
	r.mu.Lock()
	var named []trace.LogEntry
	for i := range all {
		s := &all[i]
		r.joiner.Sample(s)
		named = append(named, r.connections.Sample(s)...)
		if !r.from.IsZero() && !s.Sent.Before(r.from) {
			r.sent[s.Cohort]++
			r.sent[""]++
		}
	}
	r.live.all += len(all)
	feed, late := r.feed, r.late
	r.mu.Unlock()
	r.keep(named)
	late.samples(all)
	if feed != nil {
		feed.add(all)
	}
	r.wake()
}

// lateness shows all further samples, and what agents say of themselves, to l.
func (r *recorder) lateness(l *lateness) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = l
}

// feedTo hands all further samples to f, nil for nobody.
func (r *recorder) feedTo(f *sampleFeed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.feed = f
}

func (r *recorder) health(h loadgen.Health) {
	r.mu.Lock()
	late := r.late
	r.mu.Unlock()
	late.health(h)
	r.write(trace.Line{Health: &h})
}

// entries records what proxies logged. It records also what is not the load's: somebody else's requests are in
// the app's counts. It leaves out only the warm-up's, and what was before the load.
func (r *recorder) entries(all []trace.LogEntry) {
	named := all
	if slices.ContainsFunc(all, func(e trace.LogEntry) bool { return e.Connection() }) {
		named = nil
		r.mu.Lock()
		for _, e := range all {
			if e.Connection() {
				named = append(named, r.connections.Log(e)...)
			} else {
				named = append(named, e)
			}
		}
		r.mu.Unlock()
	}
	r.keep(named)
	r.wake()
}

// lastEntries records the entries of TCP connections that nobody knows of, once no more samples are to come.
func (r *recorder) lastEntries() {
	r.mu.Lock()
	left := r.connections.Flush()
	r.mu.Unlock()
	r.keep(left)
}

// keep records entries that have their ids, if they are of a request that has one.
func (r *recorder) keep(all []trace.LogEntry) {
	r.mu.Lock()
	began := r.began
	r.mu.Unlock()
	for i := range all {
		e := &all[i]
		own := strings.HasPrefix(e.ID, r.run+"-")
		if !own && (strings.HasPrefix(e.ID, warmRun(r.run)+"-") || began.IsZero() || e.Start.Before(began)) {
			continue
		}
		r.write(trace.Line{Log: e})
		if own {
			r.mu.Lock()
			r.joiner.Log(e)
			r.mu.Unlock()
		}
	}
}

// warmRun returns the name of the load that comes before that of a run.
func warmRun(run string) string { return "warm-" + run }

// start returns when all agents had begun to send, zero before.
func (r *recorder) start() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun < r.agents {
		return time.Time{}
	}
	return r.began
}

// agentClocks returns how the agents' clocks stand to the lab's, by their pods' names.
func (r *recorder) agentClocks() map[string]loadgen.Clock {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.clocks)
}

// open returns how many requests may still get further records.
func (r *recorder) open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.joiner.Open()
}

// missing returns how many requests lack one of their records.
func (r *recorder) missing() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.joiner.Pending()
}

// changing begins the live count anew: a change is on its way.
func (r *recorder) changing() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live.begin(time.Now())
	r.live.change = "change on its way"
}

// synced says that one more proxy has the change, and how long after it was written.
func (r *recorder) synced(after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live.change = fmt.Sprintf("synced after %.2f s", after.Seconds())
}

// watch begins to count the samples that are sent from t on.
func (r *recorder) watch(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = t
	clear(r.sent)
	r.live.begin(t)
}

// has tells whether as many came as need asks for, by cohort ("" for all).
func (r *recorder) has(need map[string]int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for cohort, n := range need {
		if r.sent[cohort] < n {
			return false
		}
	}
	return true
}

// stats returns the line of live figures at now.
func (r *recorder) stats(now time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live.line(now)
}

// waitWithin is waitFor for so long.
func (r *recorder) waitWithin(ctx context.Context, within time.Duration, fact func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return r.waitFor(ctx, fact)
}

// waitFor waits for a fact that the recorder has news of. It returns the error of a trace that cannot be written.
func (r *recorder) waitFor(ctx context.Context, fact func() bool) error {
	for {
		if err := r.fault(); err != nil {
			return err
		}
		if fact() {
			return nil
		}
		select {
		case <-r.news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
