package harness

import (
	"flag"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports/trace"
)

// long is the length of the run whose memory is watched. TestRunKeepsNoSamples -long=6h is the longest that the load
// may have, and takes some minutes.
var long = flag.Duration("long", 3*time.Minute, "the simulated length of TestRunKeepsNoSamples")

// nowhere takes a trace: that of 6 hours has gigabytes.
type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }

// A run at 500 requests a second ends with the memory of its first minute, whoever watches the canary meanwhile, and
// though nobody decides.
func TestRunKeepsNoSamples(t *testing.T) {
	for name, watcher := range map[string]Detector{
		"gate": Gate{Checks: []Check{FailedShare("v2", 5)}}, "sequential test": SequentialTest{Good: 1, Bad: 10},
		"nobody": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { keepsNoSamples(t, watcher) })
		})
	}
}

func keepsNoSamples(t *testing.T, watcher Detector) {
	t.Helper()
	s := story()
	p := &s.Phases[1]
	p.Until, p.Deadline = watcher, *long-time.Minute // there are other phases
	p.Expect = []expect.Expectation{expect.AbortedWithin(time.Second)}
	if watcher == nil {
		// It takes more requests than come in 6 hours.
		p.Expect = []expect.Expectation{expect.Share("v2", 1e-5)}
	}
	f := newFakeMesh()
	f.log = make(chan trace.LogEntry, 1<<12)
	env := f.env()
	// It never knows anything.
	env.Metrics = &fakePrometheus{
		map[string][]float64{FailedShare("v2", 5).Query: {-1}}, map[string]int{}, nil,
	}
	r, err := newRun(env, s, Options{Dir: t.TempDir() + "/run"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.trace.Close(); err != nil {
		t.Fatal(err)
	}
	r.trace = trace.NewWriter(nowhere{io.Discard})
	r.rec.trace = r.trace
	early, late := make(chan uint64, 1), make(chan uint64, 1)
	go func() {
		time.Sleep(time.Minute)
		early <- heapNow()
		time.Sleep(*long - 2*time.Minute)
		late <- heapNow()
	}()
	begun := time.Now()
	if err := r.live(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.trace.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < *long-time.Minute || took > *long {
		t.Fatalf("the run took %s, want nearly %s", took, *long)
	}
	first, last := <-early, <-late
	t.Logf("%d kB after a minute, %d kB after %s", first>>10, last>>10, *long)
	// The samples of a minute alone are 30,000 of some 300 bytes.
	if last > first+1<<20 {
		t.Errorf("got %d kB after %s, want the %d kB of the first minute", last>>10, *long, first>>10)
	}
}
