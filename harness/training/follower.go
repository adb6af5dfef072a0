package training

import (
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// joinWithin is how long the follower waits for the log entries of a request of which nobody knows how many there are.
// Entries come some tenths of a second after the request. Where one is known to be missing, it waits for lateWithin: on
// a machine whose processors were all busy entries came more than a second after their requests, and a failure without
// its entry looks like a failure of another sort.
const (
	joinWithin = time.Second
	lateWithin = 4 * time.Second
)

// A follower makes answers of what a run records. It hands on those of one cohort in the order in which they were sent,
// and holds them back where one is missing: it may be under way yet, and fail. It is not safe for concurrent use.
type follower struct {
	plan   loadgen.Plan
	sink   func(Answer)
	joiner *trace.Joiner
	// run is the name of the load's run, empty until an agent has begun to send.
	run string
	// next are the numbers of the cohorts' requests that are to be handed on next, early those that came before.
	next  map[string]uint64
	early map[string]map[uint64]Answer
}

func newFollower(plan loadgen.Plan, sink func(Answer)) *follower {
	f := &follower{plan: plan, sink: sink, next: map[string]uint64{}, early: map[string]map[uint64]Answer{}}
	f.joiner = trace.NewJoiner(plan, joinWithin, f.joined)
	f.joiner.Await(lateWithin)
	return f
}

// line takes a line of the run's trace.
func (f *follower) line(l trace.Line) {
	switch {
	case l.Agent != nil:
		f.run = l.Agent.Run
	case l.Pod != nil:
		f.joiner.Pod(*l.Pod)
	case l.Sample != nil:
		f.joiner.Sample(l.Sample)
	case l.Log != nil && f.run != "" && strings.HasPrefix(l.Log.ID, f.run+"-"):
		// What the learner sends by hand is not the load's.
		f.joiner.Log(l.Log)
	}
}

// joined takes a request with all that was recorded of it.
func (f *follower) joined(q trace.Request) {
	s := q.Sample
	if s == nil {
		return
	}
	if f.early[s.Cohort] == nil {
		f.early[s.Cohort] = map[uint64]Answer{}
	}
	early := f.early[s.Cohort]
	early[s.Seq] = answerOf(&q)
	for {
		n := f.next[s.Cohort]
		a, ok := early[n]
		if !ok {
			return
		}
		delete(early, n)
		f.next[s.Cohort] = n + 1
		f.sink(a)
	}
}

// answerOf is what a request met.
func answerOf(q *trace.Request) Answer {
	s, r := q.Sample, q.Router()
	a := Answer{Sent: s.Sent, Cohort: s.Cohort, Version: s.Version, Logged: r != nil}
	if !s.Failed() {
		return a
	}
	a.Version = "" // an error is no share of a canary's
	flag := analysis.NotLogged
	if r != nil {
		flag = analysis.FlagSet(r.Flags)
	} else if len(q.Servers) > 0 {
		// The caller got the outcome of the last attempt.
		last := slices.MaxFunc(q.Servers, func(a, b trace.LogEntry) int { return a.Start.Compare(b.Start) })
		flag = analysis.FlagSet(last.Flags)
	}
	a.Kind = s.Outcome() + " " + flag
	return a
}
