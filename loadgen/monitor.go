package loadgen

import (
	"runtime"
	"time"
)

const (
	// beat is how often the agent's heart is due. A standstill of 50 ms is a gap of 50 ms or more between two beats, so it is
	// seen as one of 45 ms at least. At 1000 requests a second on two busy cores, all of the pulse took 1.7 % of the agent's processor
	// time (its thread's own, by schedstat).
	beat = 5 * time.Millisecond
	// healthEvery is how often the agent says how it fares.
	healthEvery = time.Second
)

// A pulse watches over the agent itself.
type pulse struct {
	begin time.Time
	say   func(Health)
	last  time.Time
	cpu   time.Duration
	// waits is the run delay of each thread at the last look, by its id.
	waits map[string]time.Duration
	stall time.Duration
	at    time.Time
}

// newPulse starts to count. begin is the run's own, with both clocks in it.
func newPulse(begin time.Time, say func(Health)) *pulse {
	p := &pulse{begin: begin, say: say, last: time.Now(), cpu: cpuTime()}
	p.waits = threadWaits()
	return p
}

// run beats until stop is closed, and speaks once a second and once more at the end, a beat later at most.
func (p *pulse) run(stop <-chan struct{}) {
	// A thread that sleeps in the kernel takes some 15 µs a beat. A ticker took four times that in an idle agent: Go's
	// scheduler looks for more to do each time that it is woken.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// What stood still before the first beat made the first requests late.
	before := p.begin
	for last := false; !last; {
		sleep(beat)
		select {
		case <-stop:
			last = true
		default:
		}
		now := time.Now()
		if late := now.Sub(before) - beat; late > p.stall {
			p.stall, p.at = late, now
		}
		before = now
		if last || now.Sub(p.last) >= healthEvery {
			p.speak(now)
		}
	}
}

func (p *pulse) speak(now time.Time) {
	cpu, waits := cpuTime(), threadWaits()
	h := Health{
		At: onBegin(p.begin, now), Took: now.Sub(p.last), CPU: cpu - p.cpu, Cores: runtime.GOMAXPROCS(0), Stall: p.stall,
		// Round(0) takes the monotonic reading away: what is left is the wall clock.
		ClockStep: now.Round(0).Sub(p.begin.Round(0)) - now.Sub(p.begin),
	}
	if p.stall > 0 {
		h.StallAt = onBegin(p.begin, p.at)
	}
	// Threads come and go; one that is new has waited only since then.
	for id, wait := range waits {
		// The kernel gives an id again to another thread, which may have waited less than the one before.
		if since := wait - p.waits[id]; since >= 0 {
			h.RunDelay += since
		} else {
			h.RunDelay += wait
		}
	}
	p.last, p.cpu, p.waits, p.stall = now, cpu, waits, 0
	p.say(h)
}

// onBegin is a moment on the one clock reading that all times of a run are put on.
func onBegin(begin, at time.Time) time.Time { return begin.Add(at.Sub(begin)) }
