package training

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// An Answer is what a request met, as far as the judge needs it.
type Answer struct {
	Sent   time.Time
	Cohort string
	// Version is who answered well; empty where the request failed.
	Version string
	// Kind is empty where the request did not fail, and was not misrouted where that counts.
	Kind string
	// Logged tells that the proxy that routed the request logged it.
	Logged bool
}

// A count counts requests.
type count struct {
	sent, failed, logged int
	versions, kinds      map[string]int
}

func newCount() *count { return &count{versions: map[string]int{}, kinds: map[string]int{}} }

func (c *count) add(a *Answer) {
	c.sent++
	if a.Kind != "" {
		c.failed++
		c.kinds[a.Kind]++
	}
	if a.Logged {
		c.logged++
	}
	if a.Version != "" {
		c.versions[a.Version]++
	}
}

// merge adds another count.
func (c *count) merge(other *count) {
	c.sent, c.failed, c.logged = c.sent+other.sent, c.failed+other.failed, c.logged+other.logged
	for k, n := range other.kinds {
		c.kinds[k] += n
	}
	for v, n := range other.versions {
		c.versions[v] += n
	}
}

// sortedKinds are the ways to fail, the most frequent first.
func (c *count) sortedKinds() []Kind {
	var all []Kind
	for _, name := range sortedNames(c.kinds) {
		all = append(all, Kind{name, c.kinds[name]})
	}
	slices.SortStableFunc(all, func(a, b Kind) int { return cmp.Compare(b.Count, a.Count) })
	return all
}

// names lists kinds for people.
func names(kinds []Kind) string {
	all := make([]string, len(kinds))
	for i, k := range kinds {
		all[i] = k.Name
	}
	return strings.Join(all, " and ")
}

// sortedNames are the keys of a map of counts.
func sortedNames(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

// A window is what was sent in a stretch of time. It ends by a moment, and is as long as over.
type window struct {
	over    time.Duration
	all     count
	cohorts map[string]*count
}

func newWindow() window { return window{all: *newCount(), cohorts: map[string]*count{}} }

// of is the count of a cohort, of all where it is empty.
func (w *window) of(cohort string) *count {
	if cohort == "" {
		return &w.all
	}
	c := w.cohorts[cohort]
	if c == nil {
		c = newCount()
		w.cohorts[cohort] = c
	}
	return c
}

// pardon takes it back that requests of a cohort failed in one way.
func (w *window) pardon(cohort, kind string) {
	n := w.of(cohort).kinds[kind]
	for _, c := range []*count{w.of(cohort), &w.all} {
		c.failed -= n
		if c.kinds[kind] -= n; c.kinds[kind] <= 0 {
			delete(c.kinds, kind)
		}
	}
}

// slotWidth is the width of the slots by which the judge counts: windows begin and end with one.
const slotWidth = 250 * time.Millisecond

// slotOf is the number of the slot that a moment is in.
func slotOf(at time.Time) int64 { return at.UnixNano() / int64(slotWidth) }

// slots count requests by when they were sent.
type slots map[int64]*window

func (s slots) add(a *Answer) {
	n := slotOf(a.Sent)
	w := s[n]
	if w == nil {
		made := newWindow()
		w = &made
		s[n] = w
	}
	w.all.add(a)
	w.of(a.Cohort).add(a)
}

// before adds up the slots of some time that end by a moment.
func (s slots) before(at time.Time, over time.Duration) window {
	sum := newWindow()
	sum.over = over
	to := slotOf(at)
	for n := to - int64(over/slotWidth); n < to; n++ {
		if w := s[n]; w != nil {
			sum.all.merge(&w.all)
			for cohort, c := range w.cohorts {
				sum.of(cohort).merge(c)
			}
		}
	}
	return sum
}

// forget drops what ended before a moment.
func (s slots) forget(before time.Time) {
	maps.DeleteFunc(s, func(n int64, _ *window) bool { return n < slotOf(before) })
}
