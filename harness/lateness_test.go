package harness

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// send hands on 100 requests of the last second, of which some were late.
func send(l *lateness, late int) {
	at := time.Now().Add(-time.Second)
	var all []loadgen.Sample
	for i := range 100 {
		s := loadgen.Sample{Due: at, Sent: at}
		if i < late {
			s.Due = at.Add(-20 * time.Millisecond)
		}
		all = append(all, s)
		at = at.Add(10 * time.Millisecond)
	}
	l.samples(all)
}

// Only what was at work while more than one request of 100 was late is told.
func TestLatenessIsTheProcessorsOfLateRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		compile := func(at time.Time) bool { return at.Sub(begin) < 11*time.Second }
		l, stop := watchLateness(t.Context(), &fakeProcessors{compile: compile})
		for second := range 22 {
			time.Sleep(time.Second)
			switch {
			case second < 5:
				send(l, 1) // as late as a run may be
			case second >= 15 && second < 18:
				send(l, 3)
			default:
				send(l, 0)
			}
		}
		used := stop()
		if used == nil || used.Took < 3*time.Second || used.Took > 5*time.Second {
			t.Fatalf("got %+v, want 3 s, and what of a look is around it", used)
		}
		if len(used.Programs) != 1 || used.Programs[0].Name != "envoy" {
			t.Errorf("got %+v: the compiler was at work before", used.Programs)
		}
	})
}

// Requests of an agent that runs before all others are on time while the mesh waits for a processor.
func TestLatenessIsThatOfOthersToo(t *testing.T) {
	for _, test := range []struct {
		waited int
		told   bool
	}{{2, false}, {3, true}} {
		synctest.Test(t, func(t *testing.T) {
			l, stop := watchLateness(t.Context(), &fakeProcessors{})
			time.Sleep(time.Second)
			send(l, 0)
			l.health(loadgen.Health{At: time.Now(), Woken: 200, WokenLate: test.waited})
			if used := stop(); (used != nil) != test.told {
				t.Errorf("%d of 200 waits: got %+v", test.waited, used)
			}
		})
	}
}

// Samples come when their answers do. What nobody could be late in is forgotten, and so is a look that failed.
func TestLatenessForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &flaky{fakeProcessors: fakeProcessors{}}
		l, stop := watchLateness(t.Context(), p)
		time.Sleep(3 * time.Second)
		late := loadgen.Sample{Due: time.Now().Add(-time.Second), Sent: time.Now()}
		time.Sleep(30 * time.Second)
		l.samples([]loadgen.Sample{late})
		time.Sleep(10 * time.Minute)
		if n := len(l.looks); n > keptLooks {
			t.Errorf("%d looks are kept", n)
		}
		l.samples([]loadgen.Sample{late}) // too late to count
		p.fails = true
		send(l, 100)
		time.Sleep(lookEvery)
		send(l, 100)
		if used := stop(); used == nil || used.Took != lookEvery {
			t.Errorf("got %+v, want the one look", used)
		}
	})
}

// flaky fails.
type flaky struct {
	fakeProcessors
	fails bool
}

func (f *flaky) Used() (trace.Processor, error) {
	if f.fails {
		return trace.Processor{}, errors.New("no /proc")
	}
	return f.fakeProcessors.Used()
}

func TestNobodyCanLook(t *testing.T) {
	l, stop := watchLateness(t.Context(), nil)
	send(l, 100)
	if used := stop(); used != nil {
		t.Errorf("got %+v", used)
	}
}
