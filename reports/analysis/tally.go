package analysis

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
)

// A tally counts a phase's requests as they come.
type tally struct {
	phase               *Observation
	settled, transition window
	moments             map[string]*moment
	// last is when the last request was sent.
	last time.Time
}

type moment struct {
	first, last time.Time
	count       int
}

// A window is a Window in the making.
type window struct {
	start   time.Time
	total   count
	cohorts map[string]*count
}

// A count is Counts in the making.
type count struct {
	requests, failed int
	versions         map[string]*latencies
	codes            map[int]int
	failures         map[Failure]int
	bins             *bins
}

func newTally(o *Observation) *tally {
	return &tally{
		phase: o, settled: window{start: o.Settled.Start}, transition: window{start: o.Transition.Start},
		moments: map[string]*moment{},
	}
}

// add counts a request of the phase, which has a sample.
func (t *tally) add(q *trace.Request) {
	s := q.Sample
	if s.Sent.After(t.last) {
		t.last = s.Sent
	}
	f, failed := failure(q)
	kinds := []string{strconv.Itoa(s.Code)}
	if s.Version != "" {
		kinds = append(kinds, s.Version)
	}
	if failed {
		kinds = append(kinds, f.Key())
	}
	w := &t.transition
	if t.phase.Settled.contains(s.Sent) {
		w = &t.settled
	}
	cohort, ok := w.cohorts[s.Cohort]
	if !ok {
		if w.cohorts == nil {
			w.cohorts = map[string]*count{}
		}
		cohort = &count{}
		w.cohorts[s.Cohort] = cohort
	}
	for _, c := range []*count{&w.total, cohort} {
		if c.versions == nil {
			c.versions, c.codes, c.failures = map[string]*latencies{}, map[int]int{}, map[Failure]int{}
			c.bins = newBins(w.start)
		}
		c.requests++
		c.codes[s.Code]++
		if c.versions[s.Version] == nil {
			c.versions[s.Version] = &latencies{}
		}
		c.versions[s.Version].add(s.Latency())
		if s.Failed() {
			c.failed++
		}
		if failed {
			c.failures[f]++
		}
		c.bins.add(s.Sent, kinds...)
	}
	if c := t.phase.Change; c != nil && !s.Sent.Before(c.Writing) {
		kind := s.Version
		if s.Code == 0 || s.Code >= 400 {
			kind = f.Key()
		}
		if kind == "" {
			return
		}
		m, ok := t.moments[kind]
		if !ok {
			m = &moment{first: s.Sent, last: s.Sent}
			t.moments[kind] = m
		}
		m.count++
		if s.Sent.Before(m.first) {
			m.first = s.Sent
		}
		if s.Sent.After(m.last) {
			m.last = s.Sent
		}
	}
}

// close writes what was counted into the phase.
func (t *tally) close() {
	o := t.phase
	t.settled.into(&o.Settled)
	t.transition.into(&o.Transition)
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

func (c *count) counts() Counts {
	out := Counts{
		Requests: c.requests,
		Versions: map[string]int{},
		Shares:   map[string]Share{},
		Codes:    map[int]int{},
		Failed:   NewShare(c.failed, c.requests),
	}
	maps.Copy(out.Codes, c.codes)
	for version, l := range c.versions {
		out.Versions[version] = l.n
		out.Shares[version] = NewShare(l.n, c.requests)
		if out.Latency == nil {
			out.Latency = map[string]Latency{}
		}
		out.Latency[version] = l.latency()
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
			strings.Compare(a.Origin, b.Origin),
			strings.Compare(a.Details, b.Details),
			strings.Compare(a.Cause, b.Cause),
		)
	})
	if c.bins != nil {
		for kind := range c.bins.kinds {
			if d, ok := c.bins.dispersion(kind); ok {
				if out.Dispersion == nil {
					out.Dispersion = map[string]Dispersion{}
				}
				out.Dispersion[kind] = d
			}
		}
	}
	return out
}
