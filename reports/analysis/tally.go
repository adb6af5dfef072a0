package analysis

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// A tally counts a phase's requests as they come.
type tally struct {
	phase               *Observation
	settled, transition window
	moments             map[string]*span
	late                map[string]int
	// last is when the last request was sent.
	last   time.Time
	memory *budget
	// lands tells that landings are counted.
	lands bool
	// callers are the plan's cohorts by their names.
	callers map[string]loadgen.Cohort
	// attempts tells that attempts are counted. pods are the versions of the pods that they are made at, by their
	// names.
	attempts bool
	pods     map[string]string
}

// A span is from the first to the last of some moments, and how many there were.
type span struct {
	first, last time.Time
	count       int
}

func (s *span) add(at time.Time) {
	if s.count == 0 || at.Before(s.first) {
		s.first = at
	}
	if s.count == 0 || at.After(s.last) {
		s.last = at
	}
	s.count++
}

func (s *span) took() time.Duration { return s.last.Sub(s.first) }

// A window is a Window in the making.
type window struct {
	start   time.Time
	total   *count
	cohorts map[string]*count
}

func newWindow(start time.Time, memory *budget) window {
	return window{start: start, total: newCount(start, memory), cohorts: map[string]*count{}}
}

// A count is Counts in the making.
type count struct {
	requests, failed int
	versions         map[string]*latencies
	codes            map[int]int
	grpc             map[string]int
	failures         map[Failure]int
	landings         map[landingKey]*landed
	noted            map[string]map[string]int
	attempts         map[string]*Attempts
	users            *users
	bins             *bins
}

func newCount(start time.Time, memory *budget) *count {
	return &count{
		versions: map[string]*latencies{}, codes: map[int]int{}, failures: map[Failure]int{},
		bins: newBins(start, memory),
	}
}

func newTally(o *Observation, p PhaseSpec, memory *budget) *tally {
	return &tally{
		phase: o, lands: p.Landings, attempts: p.Attempts, settled: newWindow(o.Settled.Start, memory),
		transition: newWindow(o.Transition.Start, memory), moments: map[string]*span{}, memory: memory,
	}
}

// of says whose requests the tally counts.
func (t *tally) of(plan loadgen.Plan, facts *trace.Trace) {
	t.callers = map[string]loadgen.Cohort{}
	for _, c := range plan.Cohorts {
		t.callers[c.Name] = c
	}
	t.pods = versions(facts.Pods)
}

// add counts a request of the phase, which has a sample.
func (t *tally) add(q *trace.Request) {
	s := q.Sample
	if s.Sent.After(t.last) {
		t.last = s.Sent
	}
	f, failed := FailureOf(q)
	kinds := []string{strconv.Itoa(s.Code)}
	if s.GRPC != "" {
		kinds = append(kinds, GRPCSubject(s.GRPC))
	}
	if s.Version != "" {
		kinds = append(kinds, s.Version)
	}
	if failed {
		kinds = append(kinds, f.Key())
	}
	w := &t.transition
	settled := t.phase.Settled.contains(s.Sent)
	if settled {
		w = &t.settled
	}
	// Also what was due before the phase and sent in it, and what was due in the transition and sent after it.
	if s.Sent.Sub(s.Due) > MaxLagP99 && s.Due.Before(t.phase.Transition.End) {
		put(&t.late, s.Cohort, t.late[s.Cohort]+1)
	}
	if w.cohorts[s.Cohort] == nil {
		w.cohorts[s.Cohort] = newCount(w.start, t.memory)
		if settled {
			w.cohorts[s.Cohort].users = newUsers(t.callers[s.Cohort], t.memory)
		}
		t.memory.take(len(s.Cohort) + 10*mapEntry)
	}
	for _, c := range []*count{w.total, w.cohorts[s.Cohort]} {
		t.memory.take(c.answer(s))
		if failed {
			before := len(c.failures)
			c.failures[f]++
			t.memory.take((len(c.failures) - before) * (8*mapEntry + len(f.Cause) + len(f.Details)))
		}
		c.bins.add(s.Sent, kinds...)
		if settled && t.attempts {
			c.attempt(q, t.pods, t.memory)
		}
	}
	if u := w.cohorts[s.Cohort].users; u != nil {
		u.add(s, t.memory)
	}
	if t.lands {
		w.cohorts[s.Cohort].land(q, t.memory)
		w.cohorts[s.Cohort].note(s.Notes, t.memory)
	}
	if c := t.phase.Change; c != nil && !s.Sent.Before(c.Writing) {
		kind := s.Version
		if s.Failed() {
			kind = f.Key()
		}
		if kind == "" {
			return
		}
		if t.moments[kind] == nil {
			t.moments[kind] = &span{}
		}
		t.moments[kind].add(s.Sent)
	}
}

// answer counts what a caller got. It returns how much memory that takes, with what becomes of it in the report.
func (c *count) answer(s *loadgen.Sample) (memory int) {
	c.requests++
	c.codes[s.Code]++
	if s.GRPC != "" {
		if put(&c.grpc, s.GRPC, c.grpc[s.GRPC]+1); c.grpc[s.GRPC] == 1 {
			memory += len(s.GRPC) + mapEntry
		}
	}
	if c.versions[s.Version] == nil {
		c.versions[s.Version] = &latencies{}
		memory += len(s.Version) + 8*mapEntry
	}
	c.versions[s.Version].add(s.Latency())
	if s.Failed() {
		c.failed++
	}
	return memory
}

// land counts where a request ended.
func (c *count) land(q *trace.Request, memory *budget) {
	key, retried, copies := land(q)
	l := c.landings[key]
	if l == nil {
		l = &landed{}
		put(&c.landings, key, l)
		memory.take(8*mapEntry + len(key.cluster) + len(key.details) + len(key.cause))
	}
	l.count++
	if retried {
		l.retried++
	}
	for version, n := range copies {
		before := len(l.copies)
		put(&l.copies, version, l.copies[version]+n)
		memory.take((len(l.copies) - before) * (mapEntry + len(version)))
	}
}

// maxValues bounds the values of a note that are told apart: those of a route's are one or two.
const maxValues = 32

// note counts what the agent noted.
func (c *count) note(notes map[string]string, memory *budget) {
	for key, v := range notes {
		if c.noted[key] == nil {
			put(&c.noted, key, map[string]int{})
			memory.take(mapEntry + len(key))
		}
		values := c.noted[key]
		if _, ok := values[v]; !ok {
			if len(values) == maxValues {
				v = "…"
			}
			memory.take(mapEntry + len(v))
		}
		values[v]++
	}
}

// close writes what was counted into the phase. before are the phases before it.
func (t *tally) close(before []*tally) {
	if n := len(before); n > 0 {
		t.moved(before[n-1])
	}
	o := t.phase
	t.settled.into(&o.Settled)
	t.transition.into(&o.Transition)
	o.Late = t.late
	if o.Change == nil || o.Change.Written.IsZero() {
		return
	}
	for _, kind := range slices.Sorted(maps.Keys(t.moments)) {
		m := t.moments[kind]
		o.Moments = append(o.Moments, Moment{
			Kind: kind, First: m.first.Sub(o.Change.Written), Last: m.last.Sub(o.Change.Written), Count: m.count,
		})
	}
}

func (w *window) into(out *Window) {
	out.Total = w.total.counts()
	out.Cohorts = map[string]Counts{}
	for name, c := range w.cohorts {
		out.Cohorts[name] = c.counts()
	}
}

// put sets m[k], and makes m at the first time: an empty map is not in a report, and nil there.
func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

func (c *count) counts() Counts {
	out := Counts{
		Requests: c.requests, Failed: NewShare(c.failed, c.requests), Codes: c.codes, Versions: map[string]int{},
		Shares: map[string]Share{}, Landings: landings(c.landings), Attempts: attempted(c.attempts),
		Noted: c.noted, GRPC: c.grpc,
	}
	if c.users != nil {
		out.Users = &c.users.Users
	}
	for version, l := range c.versions {
		out.Versions[version] = l.n
		out.Shares[version] = NewShare(l.n, c.requests)
		put(&out.Latency, version, l.latency())
	}
	for f, n := range c.failures {
		f.Count = n
		out.Failures = append(out.Failures, f)
		put(&out.Flags, f.Key(), out.Flags[f.Key()]+n)
	}
	slices.SortFunc(out.Failures, func(a, b Failure) int {
		return cmp.Or(b.Count-a.Count, a.Code-b.Code, strings.Compare(a.GRPC, b.GRPC), strings.Compare(a.Flag, b.Flag),
			strings.Compare(a.Subset, b.Subset), strings.Compare(a.Version, b.Version),
			strings.Compare(a.Origin, b.Origin), strings.Compare(a.Details, b.Details),
			strings.Compare(a.Cause, b.Cause))
	})
	for kind := range c.bins.kinds {
		if d, ok := c.bins.dispersion(kind); ok {
			put(&out.Dispersion, kind, d)
		}
	}
	return out
}
