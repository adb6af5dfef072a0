package harness

import (
	"strings"
	"sync"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// A recorder writes the trace while things happen, and knows as much of it as the engine has to wait for. It is safe for
// concurrent use.
type recorder struct {
	trace *reports.Writer
	// prefix is that of the request ids that belong to the load. Others are not recorded.
	prefix string
	// news has a message when something came that somebody may be waiting for.
	news chan struct{}

	mu sync.Mutex
	// began is when the agent began to send.
	began time.Time
	// unlogged has the ids of requests of which only one side has come so far: the sample (true) or the log (false).
	unlogged map[string]bool
	// waiting counts those of unlogged that are true.
	waiting int
	// from opens the count in sent: samples sent before it are not in it.
	from time.Time
	sent map[string]int
	// err is the first error of the trace file.
	err error
}

func newRecorder(trace *reports.Writer, run string) *recorder {
	return &recorder{trace: trace, prefix: run + "-", news: make(chan struct{}, 1), unlogged: map[string]bool{}, sent: map[string]int{}}
}

// wake tells that something came.
func (r *recorder) wake() {
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// write appends a line. Its error sticks, for err.
func (r *recorder) write(l reports.Line) {
	if err := r.trace.Append(l); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.err == nil {
			r.err = err
			r.wake()
		}
	}
}

// fault is the first error of the trace file.
func (r *recorder) fault() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *recorder) event(e reports.Event) { r.write(reports.Line{Event: &e}) }

// begin is for loadgen.Handler.
func (r *recorder) begin(b loadgen.Begin) {
	r.mu.Lock()
	r.began = b.Start
	r.mu.Unlock()
	r.wake()
}

// samples is for loadgen.Handler.
func (r *recorder) samples(all []loadgen.Sample) {
	for i := range all {
		r.write(reports.Line{Sample: &all[i]})
	}
	r.mu.Lock()
	for i := range all {
		s := &all[i]
		if _, both := r.unlogged[s.ID]; both {
			delete(r.unlogged, s.ID)
		} else {
			r.unlogged[s.ID] = true
			r.waiting++
		}
		if !r.from.IsZero() && !s.Sent.Before(r.from) {
			r.sent[s.Cohort]++
			r.sent[""]++
		}
	}
	r.mu.Unlock()
	r.wake()
}

// entry records one line of an access log.
func (r *recorder) entry(e reports.LogEntry) {
	if !strings.HasPrefix(e.ID, r.prefix) {
		// The warm-up's, or nobody's.
		return
	}
	r.write(reports.Line{Log: &e})
	r.mu.Lock()
	if sample, both := r.unlogged[e.ID]; both {
		if sample {
			r.waiting--
		}
		delete(r.unlogged, e.ID)
	} else {
		r.unlogged[e.ID] = false
	}
	r.mu.Unlock()
	r.wake()
}

// start is when the agent began to send, zero before.
func (r *recorder) start() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.began
}

// missing is how many samples have no log entry yet.
func (r *recorder) missing() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting
}

// watch starts to count the samples that are sent from t on.
func (r *recorder) watch(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = t
	clear(r.sent)
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
