package harness

import (
	"context"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

const (
	// lookEvery is how often it is looked at who uses the processors: a look at 200 processes takes some 10 ms of one,
	// in bursts (go test ./harness/live -bench Processors).
	lookEvery = 5 * time.Second
	// keptLooks is how many looks wait for the samples of their time, which come when the answers do: more than the
	// longest timeout takes.
	keptLooks = 40
	// keptPrograms bounds the programs of a record.
	keptPrograms = 10
)

// A lateness learns who used the processors while requests were late, and forgets what they did at other times. It is
// safe for concurrent use.
type lateness struct {
	processors environment.Processors

	mu sync.Mutex
	// looks are the last ones, oldest first. The last one goes on.
	looks []look
	sum   trace.Processor
	// off tells that nobody can look.
	off bool
}

// A look is a time in which somebody used the processors.
type look struct {
	start time.Time
	used  trace.Processor
	// sent counts the requests that were sent in it, late those that were later than due by more than the limit. woken
	// and waited are those of the agents' health.
	sent, late, woken, waited int
}

// watchLateness begins to look, if anybody can. stop ends it, and returns who used the processors while requests were
// late, nil where none were.
func watchLateness(ctx context.Context, processors environment.Processors) (l *lateness, stop func() *trace.Processor) {
	l = &lateness{processors: processors, off: processors == nil}
	if l.off {
		return l, func() *trace.Processor { return nil }
	}
	l.look(time.Now())
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				l.look(time.Now())
			}
		}
	})
	return l, func() *trace.Processor {
		cancel()
		looking.Wait()
		l.look(time.Now())
		return l.end()
	}
}

// look ends one look and begins the next.
func (l *lateness) look(now time.Time) {
	used, err := l.processors.Used()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.looks); n > 0 {
		if l.looks[n-1].used = used; err != nil {
			l.looks = l.looks[:n-1] // of that time nothing is known
		}
	}
	if len(l.looks) >= keptLooks {
		l.judge(l.looks[0])
		l.looks = l.looks[1:]
	}
	l.looks = append(l.looks, look{start: now})
}

// judge adds a look in which too many requests were late, or too many programs waited.
func (l *lateness) judge(k look) {
	if 100*k.late > k.sent || float64(k.waited) > analysis.MaxWaits*float64(k.woken) {
		l.sum.Add(k.used)
	}
}

// samples takes requests.
func (l *lateness) samples(all []loadgen.Sample) {
	if l == nil || l.off {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range all {
		s := &all[i]
		if k := l.at(s.Sent); k != nil {
			k.sent++
			if s.Sent.Sub(s.Due) > analysis.MaxLagP99 {
				k.late++
			}
		}
	}
}

// health takes what an agent says of itself.
func (l *lateness) health(h loadgen.Health) {
	if l == nil || l.off {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.at(h.At); k != nil {
		k.woken, k.waited = k.woken+h.Woken, k.waited+h.WokenLate
	}
}

// at is the look of a moment, nil where that is forgotten.
func (l *lateness) at(moment time.Time) *look {
	for i := len(l.looks) - 1; i >= 0; i-- {
		if k := &l.looks[i]; !moment.Before(k.start) {
			return k
		}
	}
	return nil
}

// end judges what is left.
func (l *lateness) end() *trace.Processor {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.looks {
		l.judge(k)
	}
	l.looks = nil
	if l.sum.Took == 0 {
		return nil
	}
	sum := l.sum
	sum.Top(keptPrograms)
	return &sum
}
