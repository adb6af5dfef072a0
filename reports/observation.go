package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// A PhaseSpec is what Observe needs to know of a phase beside its events.
type PhaseSpec struct {
	// Name is what the phase's events carry. No two phases of a run share it.
	Name string
	// Rollback marks a phase that takes a canary back: its Observation gets a Rollback, measured against what was
	// seen in the phase before it.
	Rollback bool
	// Canary is the version whose answers a rollback is to end. Where it is empty, only failed requests are.
	Canary string
	// Cohort limits the rollback clock to one cohort, for a canary that only this cohort was sent to. Empty means all.
	Cohort string
}

// An Observation is what was seen in one phase. Requests belong to the window in which they were sent.
type Observation struct {
	Phase string `json:"phase"`
	// Start and End bound the phase. Both are zero for a phase that never began; a phase that was cut short ends with
	// the trace.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// SettledAt is when every proxy concerned was seen to hold the change. Zero if that never came: then all of the
	// phase is transition, and Settled is empty.
	SettledAt time.Time `json:"settledAt,omitzero"`
	// Change is the phase's write, nil where the phase wrote nothing.
	Change *Change `json:"change,omitempty"`
	// Settled is from SettledAt to End: what a phase is judged by.
	Settled Window `json:"settled"`
	// Transition is from Start to SettledAt: shown, and judged by rollback clocks only.
	Transition Window `json:"transition"`
	// Received counts the requests that each version's pods received between the Settled and the PhaseEnd event, by
	// the sample app's own counters. Nil where the counters were not read at both.
	Received map[string]uint64 `json:"received,omitempty"`
	// Rollback is set for a phase that rolls back and whose write was accepted.
	Rollback *Rollback `json:"rollback,omitempty"`
}

// A Change is the write that opens a phase, and how it spread.
type Change struct {
	// Writing and Written bracket it: the API server accepted the change somewhere between the two. Written is zero
	// where the answer never came.
	Writing time.Time `json:"writing"`
	Written time.Time `json:"written,omitzero"`
	// Proxies counts those that were seen to hold the change. FirstHeld and LastHeld are when the first and the last
	// of them took it over, counted from Written. They are negative for a proxy that was faster than the API server's
	// answer, and 0 where Proxies is 0.
	Proxies   int           `json:"proxies"`
	FirstHeld time.Duration `json:"firstHeldNs"`
	LastHeld  time.Duration `json:"lastHeldNs"`
}

// Took is how long the write was under way: by so much the moment of the change is uncertain.
func (c Change) Took() time.Duration {
	if c.Written.IsZero() {
		return 0
	}
	return c.Written.Sub(c.Writing)
}

// A Window is a part of a phase and what was sent in it, from Start on and before End.
type Window struct {
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// Total counts all requests. Cohorts counts them by the group of callers that they came from.
	Total   Counts            `json:"total"`
	Cohorts map[string]Counts `json:"cohorts"`
}

// Took is how long the window was open.
func (w Window) Took() time.Duration { return w.End.Sub(w.Start) }

// Of returns the counts of one cohort, or of all requests where cohort is empty. A cohort that sent nothing has zero
// counts.
func (w Window) Of(cohort string) Counts {
	if cohort == "" {
		return w.Total
	}
	return w.Cohorts[cohort]
}

// contains tells whether a request sent at t belongs to the window.
func (w Window) contains(t time.Time) bool { return !t.Before(w.Start) && t.Before(w.End) }

// Counts is what one cohort met in one window of a phase.
type Counts struct {
	Requests int `json:"requests"`
	// Versions counts answers by version, "" for those that no version answered.
	Versions map[string]int `json:"versions"`
	// Shares are Versions out of Requests.
	Shares map[string]Share `json:"shares"`
	// Codes counts answers by HTTP status, 0 for those that never came.
	Codes map[int]int `json:"codes"`
	// Failed counts requests that got no answer or a server error.
	Failed Share `json:"failed"`
	// Flags counts requests by status and Envoy response flag as the client proxy logged them, such as "503 UH" or
	// "503 UF,URX": all that failed, and others that Envoy flagged, such as "404 NR". "503 -" is an error that the app
	// itself answered; "503 ?" has no entry in the proxy's log.
	Flags map[string]int `json:"flags,omitempty"`
	// Failures are the requests in Flags, by all that is known of them, the most frequent first.
	Failures []Failure `json:"failures,omitempty"`
	// Latency is by version, "" for requests that no version answered.
	Latency map[string]Latency `json:"latency,omitempty"`
}

// A Failure is one way in which requests failed.
type Failure struct {
	// Code is the HTTP status, 0 where no answer came. Flag is the set of Envoy's response flags, see FlagSet.
	Code int    `json:"code"`
	Flag string `json:"flag"`
	// Details is Envoy's response_code_details.
	Details string `json:"details,omitempty"`
	// Subset is where the route wanted the requests to go. Empty where the route named none, or Envoy's log does not
	// say: it leaves the cluster out where the cluster has no healthy host.
	Subset string `json:"subset,omitempty"`
	// Version is who answered, if anybody did.
	Version string `json:"version,omitempty"`
	Count   int    `json:"count"`
}

// Key is the failure's key in Counts.Flags.
func (f Failure) Key() string { return fmt.Sprintf("%d %s", f.Code, f.Flag) }

// Observe counts what each phase met. The result has one element per element of phases, in the same order, also for
// phases that never began. Phases do not overlap; a request that was sent outside of all of them, such as one of the
// warm-up, is in no window (Books.Outside counts those).
func Observe(t *Trace, phases []PhaseSpec) []Observation {
	log := newLogIndex(t.Log)
	all := make([]Observation, len(phases))
	tallies := make([]struct{ settled, transition tally }, len(phases))
	for i, spec := range phases {
		all[i] = bounds(t, spec.Name)
	}
	for i := range t.Samples {
		s := &t.Samples[i]
		p := slices.IndexFunc(all, func(o Observation) bool { return !s.Sent.Before(o.Start) && s.Sent.Before(o.End) })
		switch {
		case p < 0:
		case all[p].Settled.contains(s.Sent):
			tallies[p].settled.add(s, log)
		default:
			tallies[p].transition.add(s, log)
		}
	}
	for i, spec := range phases {
		o := &all[i]
		tallies[i].settled.into(&o.Settled)
		tallies[i].transition.into(&o.Transition)
		if spec.Rollback && o.Change != nil && !o.Change.Written.IsZero() {
			var before Window
			if i > 0 {
				before = all[i-1].Settled
			}
			o.Rollback = clock(t.Samples, spec, before, *o)
		}
	}
	return all
}

// bounds reads a phase's events.
func bounds(t *Trace, phase string) Observation {
	o := Observation{Phase: phase}
	var change Change
	var held []time.Time
	var settled, ended map[string]uint64
	for _, e := range t.Events {
		if e.Phase != phase {
			continue
		}
		switch e.Kind {
		case PhaseStart:
			o.Start = e.At
		case Writing:
			if change.Writing.IsZero() {
				change.Writing = e.At
			}
		case Written:
			change.Written = e.At
		case Held:
			held = append(held, e.At)
		case Settled:
			o.SettledAt, settled = e.At, e.Counters
		case PhaseEnd:
			o.End, ended = e.At, e.Counters
		}
	}
	if o.Start.IsZero() {
		return Observation{Phase: phase}
	}
	if o.End.IsZero() {
		o.End = cut(t, o.Start)
	}
	if !change.Writing.IsZero() {
		if !change.Written.IsZero() && len(held) > 0 {
			change.Proxies = len(held)
			change.FirstHeld = slices.MinFunc(held, time.Time.Compare).Sub(change.Written)
			change.LastHeld = slices.MaxFunc(held, time.Time.Compare).Sub(change.Written)
		}
		o.Change = &change
	}
	o.Transition = Window{Start: o.Start, End: o.End}
	if !o.SettledAt.IsZero() {
		o.Transition.End = o.SettledAt
		o.Settled = Window{Start: o.SettledAt, End: o.End}
	}
	if settled != nil && ended != nil {
		o.Received = map[string]uint64{}
		for version, n := range ended {
			// A counter that went back is that of a new pod: what it received is not known.
			if before := settled[version]; n >= before {
				o.Received[version] = n - before
			}
		}
	}
	return o
}

// cut is the end of a phase that was not closed: where the next phase starts, or just after the last thing recorded.
func cut(t *Trace, start time.Time) time.Time {
	end := start
	for _, e := range t.Events {
		if e.Kind == PhaseStart && e.At.After(start) {
			return e.At
		}
		if e.At.After(end) {
			end = e.At
		}
	}
	for i := range t.Samples {
		if sent := t.Samples[i].Sent; !sent.Before(end) {
			end = sent.Add(1)
		}
	}
	return end
}

// A logIndex finds what the client's proxy logged about a request.
type logIndex map[string]*LogEntry

// newLogIndex indexes entries by request. Where several proxies logged the same request (a sidecar and a gateway), the
// one that saw it first is the caller's own.
func newLogIndex(log []LogEntry) logIndex {
	x := make(logIndex, len(log))
	for i := range log {
		e := &log[i]
		if other, ok := x[e.ID]; !ok || e.Start.Before(other.Start) {
			x[e.ID] = e
		}
	}
	return x
}

// failure says how a request failed, and false for a request that did not and that Envoy did not flag.
func (x logIndex) failure(s *loadgen.Sample) (Failure, bool) {
	e, logged := x[s.ID]
	if !s.Failed() && (!logged || len(e.Flags) == 0) {
		return Failure{}, false
	}
	f := Failure{Code: s.Code, Version: s.Version, Flag: NotLogged}
	if logged {
		f.Flag, f.Details = FlagSet(e.Flags), e.Details
		if to, ok := ParseCluster(e.Cluster); ok {
			f.Subset = to.Subset
		}
	}
	return f, true
}

// A tally counts a window's requests as they come.
type tally struct {
	total   count
	cohorts map[string]*count
}

// A count is Counts in the making.
type count struct {
	requests, failed int
	versions         map[string][]time.Duration
	codes            map[int]int
	failures         map[Failure]int
}

func (t *tally) add(s *loadgen.Sample, log logIndex) {
	c, ok := t.cohorts[s.Cohort]
	if !ok {
		if t.cohorts == nil {
			t.cohorts = map[string]*count{}
		}
		c = &count{}
		t.cohorts[s.Cohort] = c
	}
	f, failed := log.failure(s)
	for _, c := range []*count{&t.total, c} {
		if c.versions == nil {
			c.versions, c.codes, c.failures = map[string][]time.Duration{}, map[int]int{}, map[Failure]int{}
		}
		c.requests++
		c.codes[s.Code]++
		c.versions[s.Version] = append(c.versions[s.Version], s.Latency())
		if s.Failed() {
			c.failed++
		}
		if failed {
			c.failures[f]++
		}
	}
}

func (t *tally) into(w *Window) {
	w.Total = t.total.counts()
	w.Cohorts = map[string]Counts{}
	for name, c := range t.cohorts {
		w.Cohorts[name] = c.counts()
	}
}

func (c *count) counts() Counts {
	out := Counts{
		Requests: c.requests,
		Versions: map[string]int{},
		Shares:   map[string]Share{},
		Codes:    map[int]int{},
		Failed:   NewShare(c.failed, c.requests),
	}
	maps.Copy(out.Codes, c.codes)
	for version, latencies := range c.versions {
		out.Versions[version] = len(latencies)
		out.Shares[version] = NewShare(len(latencies), c.requests)
		if out.Latency == nil {
			out.Latency = map[string]Latency{}
		}
		out.Latency[version] = newLatency(latencies)
	}
	for f, n := range c.failures {
		f.Count = n
		out.Failures = append(out.Failures, f)
		if out.Flags == nil {
			out.Flags = map[string]int{}
		}
		out.Flags[f.Key()] += n
	}
	slices.SortFunc(out.Failures, func(a, b Failure) int {
		return cmp.Or(
			cmp.Compare(b.Count, a.Count),
			cmp.Compare(a.Code, b.Code),
			strings.Compare(a.Flag, b.Flag),
			strings.Compare(a.Subset, b.Subset),
			strings.Compare(a.Version, b.Version),
			strings.Compare(a.Details, b.Details),
		)
	})
	return out
}
