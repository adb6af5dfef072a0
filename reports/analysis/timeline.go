package analysis

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

const (
	// timelineBin is the width of a Timeline's bins for up to timelineBins of them, an hour. Beyond it, they are twice
	// as wide, or four times.
	timelineBin  = 100 * time.Millisecond
	timelineBins = 36_000
	// closeupBin is the width of the bins of a Closeup, which is from closeupBefore the write to closeupAfter
	// it, or to as long after the last proxy was synced, but to closeupMost at most. A change takes some 150 ms
	// to arrive.
	closeupBin    = 10 * time.Millisecond
	closeupBefore = 500 * time.Millisecond
	closeupAfter  = 1500 * time.Millisecond
	closeupMost   = 10 * time.Second
	// timelineSpan is the longest run for which there is a bin: twice the longest load. Beyond it a time is damaged.
	timelineSpan = 2 * loadgen.MaxDuration
)

// A Timeline counts requests by when they were sent, in bins of equal width. Each request is in one Series
// only, so that the series of a bin add up to its requests.
type Timeline struct {
	// Start is where the first bin begins; BinMS is how wide a bin is, in milliseconds; Bins is how many there are.
	Start time.Time `json:"start"`
	BinMS float64   `json:"binMs"`
	Bins  int       `json:"bins"`
	// Series are sorted: good answers by version first, then failures by flag and version.
	Series []Series `json:"series"`
	// Outside counts the run's requests that were sent too far from it to be in any bin, as damaged times are.
	Outside int `json:"outside,omitempty"`
}

// A Series is one kind of request in a Timeline.
type Series struct {
	// Version is who answered, empty where no version did.
	Version string `json:"version,omitempty"`
	// Flag is empty for requests with a status below 400, else a key of Counts.Flags, such as "503 UH".
	Flag string `json:"flag,omitempty"`
	// From is the first bin that has any, and Counts has the bins from there to the last that has any.
	From   int   `json:"from"`
	Counts []int `json:"counts"`
}

// Kind names the series for people: "v2", "503 UH", or "503 - from v2".
func (s Series) Kind() string {
	switch {
	case s.Flag == "":
		return Answerer(s.Version)
	case s.Version == "":
		return s.Flag
	}
	return s.Flag + " from " + s.Version
}

// At is the count in a bin.
func (s Series) At(bin int) int {
	if i := bin - s.From; i >= 0 && i < len(s.Counts) {
		return s.Counts[i]
	}
	return 0
}

// Total adds up all bins.
func (s Series) Total() int { return addUp(s.Counts) }

func addUp[N int | int32](counts []N) (n int) {
	for _, c := range counts {
		n += int(c)
	}
	return n
}

// Bin is the width of a bin.
func (t *Timeline) Bin() time.Duration { return format.FromMilliseconds(t.BinMS) }

// End is where the last bin ends.
func (t *Timeline) End() time.Time { return t.Start.Add(time.Duration(t.Bins) * t.Bin()) }

// A timeline is a Timeline in the making.
type timeline struct {
	// start is where bin 0 begins. Requests before it have negative bins.
	start time.Time
	bin   time.Duration
	// before and after bound how far from start a request may be sent to be counted.
	before, after time.Duration
	series        map[seriesKey]*series
	outside       int
	memory        *budget
}

type seriesKey struct{ version, flag string }

// A series is a Series in the making, by bin, from the first to the last that has any.
type series struct {
	bins        map[int]int
	first, last int
}

// newTimeline makes the timeline of a whole run. It starts with the first event. What lies further from there than
// twice the time of timelineBins is not counted, so that one damaged time does not make a million empty bins.
func newTimeline(facts *trace.Trace, memory *budget) *timeline {
	t := &timeline{bin: timelineBin, series: map[seriesKey]*series{}, memory: memory}
	var end time.Time
	for _, e := range facts.Events {
		if t.start.IsZero() || e.At.Before(t.start) && !e.At.IsZero() {
			t.start = e.At
		}
		if e.At.After(end) {
			end = e.At
		}
	}
	for span := min(end.Sub(t.start), timelineSpan); span > timelineBins*t.bin; {
		t.bin *= 2
	}
	t.before = 2 * timelineBins * t.bin
	t.after = t.before
	return t
}

// newCloseup makes the timeline around a change that was accepted.
func newCloseup(c *Change, memory *budget) *timeline {
	after := min(max(c.LastSynced, 0)+closeupAfter, closeupMost)
	return &timeline{
		start: c.Written, bin: closeupBin, before: closeupBefore, after: after, series: map[seriesKey]*series{},
		memory: memory,
	}
}

// add counts a request, which has a sample.
func (t *timeline) add(q *trace.Request) {
	sample := q.Sample
	if t.start.IsZero() {
		t.start = sample.Sent
	}
	// Sub saturates, so that a time that is centuries off is outside too.
	since := sample.Sent.Sub(t.start)
	if since < -t.before || since >= t.after {
		t.outside++
		return
	}
	key := seriesKey{version: sample.Version}
	if sample.Failed() {
		f, _ := FailureOf(q)
		key.flag = f.Key()
	}
	bin := int(since / t.bin)
	if since < 0 && since%t.bin != 0 {
		bin-- // Go rounds towards zero
	}
	s, known := t.series[key]
	if !known {
		s = &series{bins: map[int]int{}, first: bin, last: bin}
		t.series[key] = s
		t.memory.take(len(key.version) + len(key.flag) + mapEntry)
	}
	s.add(bin, t.memory)
}

// mapEntry is about what an entry of a map takes, in bytes.
const mapEntry = 100

// add counts a request.
func (s *series) add(bin int, memory *budget) {
	if s.bins[bin] == 0 {
		memory.take(mapEntry)
	}
	s.bins[bin]++
	// What lies between takes a number each in the end.
	first, last := min(s.first, bin), max(s.last, bin)
	memory.take(8 * (last - first - s.last + s.first))
	s.first, s.last = first, last
}

// close returns what was counted, nil where there was nothing.
func (t *timeline) close() *Timeline {
	if len(t.series) == 0 || t.memory.spent() != nil {
		return nil
	}
	first, last := math.MaxInt, math.MinInt
	for _, s := range t.series {
		first, last = min(first, s.first), max(last, s.last)
	}
	out := &Timeline{
		Start: t.start.Add(time.Duration(first) * t.bin), BinMS: format.Milliseconds(t.bin), Bins: last - first + 1,
		Outside: t.outside,
	}
	for key, counted := range t.series {
		s := Series{
			Version: key.version, Flag: key.flag, From: counted.first - first,
			Counts: make([]int, counted.last-counted.first+1),
		}
		for bin, n := range counted.bins {
			s.Counts[bin-counted.first] = n
		}
		out.Series = append(out.Series, s)
	}
	slices.SortFunc(out.Series, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Flag, b.Flag), CompareVersions(a.Version, b.Version))
	})
	return out
}
