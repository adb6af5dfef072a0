package page

import (
	"maps"
	"sort"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// A window counts what was sent in a part of a phase: all of it, and by cohort.
type window struct {
	total   *counts
	cohorts map[string]*counts
}

func newWindow() window { return window{newCounts(), map[string]*counts{}} }

// counts are those of analysis.Counts that can be kept while requests come.
type counts struct {
	requests, failed int
	versions, flags  map[string]int
	codes            map[int]int
}

func newCounts() *counts {
	return &counts{versions: map[string]int{}, flags: map[string]int{}, codes: map[int]int{}}
}

// A record is one thing that was counted: a request, or once its proxies' log entries are there, how it failed.
type record struct {
	sent            time.Time
	cohort, version string
	code            int
	// grpc is the grpc-status of a call that failed by it.
	grpc string
	// flag is a key of analysis.Counts.Flags, for a failure, and empty for a request.
	flag string
	// in is where it was counted.
	in *window
}

// failed tells of a request that it is an error.
func (r *record) failed() bool { return r.grpc != "" || loadgen.Failed(r.code) }

// add counts a record n times: 1, or -1 to take it back.
func (w *window) add(r *record, n int) {
	cohort := w.cohorts[r.cohort]
	if cohort == nil {
		cohort = newCounts()
		w.cohorts[r.cohort] = cohort
	}
	w.total.add(r, n)
	cohort.add(r, n)
}

func (c *counts) add(r *record, n int) {
	if r.flag != "" {
		bump(c.flags, r.flag, n)
		return
	}
	c.requests += n
	if r.failed() {
		c.failed += n
	}
	bump(c.versions, r.version, n)
	bump(c.codes, r.code, n)
}

// bump adds to a count. What is not there is not in the map: the report has no zeros either.
func bump[K comparable](m map[K]int, k K, n int) {
	if m[k] += n; m[k] == 0 {
		delete(m, k)
	}
}

// analysis is the window as a report has it, without what takes all requests: latencies, and whether shares kept still.
func (w *window) analysis() analysis.Window {
	out := analysis.Window{Total: w.total.analysis(), Cohorts: map[string]analysis.Counts{}}
	for name, c := range w.cohorts {
		if c.requests > 0 {
			out.Cohorts[name] = c.analysis()
		}
	}
	return out
}

// analysis copies counts.
func (c *counts) analysis() analysis.Counts {
	return analysis.Counts{
		Requests: c.requests, Versions: maps.Clone(c.versions), Codes: maps.Clone(c.codes),
		Failed: analysis.Share{Count: c.failed, Of: c.requests}, Flags: maps.Clone(c.flags),
	}
}

// place is the window that something belongs to which was sent at a moment, by the rules of the report.
func (s *state) place(sent time.Time) *window {
	n := sort.Search(len(s.began), func(i int) bool { return s.began[i].start.After(sent) })
	if n == 0 {
		return &s.outside
	}
	p := s.began[n-1]
	switch {
	case !p.end.IsZero() && !sent.Before(p.end):
		return &s.outside
	case !p.settled.IsZero() && !sent.Before(p.settled):
		return &p.judged
	}
	return &p.before
}

// count counts a record where it belongs.
func (s *state) count(r record) {
	r.in = s.place(r.sent)
	r.in.add(&r, 1)
	s.recent.keep(r)
}

// sample counts a request by its caller's word.
func (b *Board) sample(q *loadgen.Sample) {
	if q.Done.After(b.newest) {
		b.newest = q.Done
	}
	r := record{
		sent: q.Sent, cohort: b.names.of(q.Cohort), version: b.names.of(q.Version), code: q.Code,
	}
	if q.GRPC != loadgen.GRPCOK {
		r.grpc = b.names.of(q.GRPC)
	}
	b.requests++
	if q.Failed() {
		b.failed++
	}
	b.count(r)
	b.lately.add(q.Done, q.Failed())
	b.river.begin(q.Sent)
	now, _ := b.clock()
	b.river.add(q.Sent, now, r, b.seq)
	if b.joiner != nil {
		b.joiner.Sample(q)
	}
}

// log takes an entry of a proxy's log. Those of other people's requests are in no count of the page.
func (s *state) log(e *trace.LogEntry) {
	if s.joiner != nil && strings.HasPrefix(e.ID, s.report.Setup.Load.Run+"-") {
		s.joiner.Log(e)
	}
}

// joined counts how a request failed, once all that belongs to it has come.
func (s *state) joined(q trace.Request) {
	if q.Sample == nil {
		return
	}
	if f, failed := analysis.FailureOf(&q); failed {
		s.count(record{sent: q.Sample.Sent, cohort: s.names.of(q.Sample.Cohort), flag: s.names.of(f.Key())})
	}
}

// recent has what was counted last. The bounds of a phase are recorded a moment after they were, and what came in
// between was counted on the wrong side: recount puts it right.
type recent struct {
	all []record
	// next is the oldest of all, once there are as many as are kept.
	next int
}

// maxRecent is how many records are kept: those of half a minute at 1,000 requests a second. Bounds are recorded within
// milliseconds; what a load agent still had to report was sent seconds before, at most.
const maxRecent = 1 << 15

func (t *recent) keep(r record) {
	if len(t.all) < maxRecent {
		t.all = append(t.all, r)
		return
	}
	t.all[t.next] = r
	t.next = (t.next + 1) % maxRecent
}

// recount counts each where it belongs by now.
func (t *recent) recount(s *state) {
	for i := range t.all {
		r := &t.all[i]
		if in := s.place(r.sent); in != r.in {
			r.in.add(r, -1)
			in.add(r, 1)
			r.in = in
		}
	}
}

// names has each name once: a record of a long run's names is small. It also bounds how many there are.
type names map[string]string

const (
	maxNames = 20_000
	// maxName is for a name, in bytes. Those of versions, cohorts and pods have 63, of sets of flags some more.
	maxName = 300
)

func (n names) full() bool { return len(n) >= maxNames }

func (n names) of(name string) string {
	if known, ok := n[name]; ok {
		return known
	}
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	name = strings.Clone(name) // not the line that it is a part of
	n[name] = name
	return name
}

// lately counts the requests that ended in the last moments, in bins of 100 ms.
type lately struct {
	bins [latelyBins]struct {
		number      int64
		all, failed int
	}
}

const (
	latelyBin  = 100 * time.Millisecond
	latelyBins = 64
	// A figure a second is that of latelyOver, which ended latelyAgo: load agents report each 50 ms, and a line may be
	// on its way for as long again.
	latelyOver = 2 * time.Second
	latelyAgo  = 200 * time.Millisecond
)

func (l *lately) add(done time.Time, failed bool) {
	number := done.UnixNano() / int64(latelyBin)
	bin := &l.bins[uint64(number)%latelyBins]
	if bin.number > number {
		return // it ended long ago
	}
	if bin.number < number {
		bin.number, bin.all, bin.failed = number, 0, 0
	}
	bin.all++
	if failed {
		bin.failed++
	}
}

// rates are the requests and the failed ones a second, at a moment.
func (l *lately) rates(now time.Time) (all, failed float64) {
	last := now.Add(-latelyAgo).UnixNano() / int64(latelyBin)
	for _, bin := range l.bins {
		if bin.number < last && bin.number >= last-int64(latelyOver/latelyBin) {
			all += float64(bin.all)
			failed += float64(bin.failed)
		}
	}
	return all / latelyOver.Seconds(), failed / latelyOver.Seconds()
}
