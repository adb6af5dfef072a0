package loadgen

import (
	"runtime"
	"time"
)

const (
	// heartbeat is how often the agent's heart should beat. A standstill of 50 ms is a gap of 50 ms or more
	// between two beats, so the monitor sees 45 ms of it or more. At 1000 requests a second on two busy cores,
	// the whole monitor took 1.7 % of the agent's processor time (its thread's own, by schedstat).
	heartbeat = 5 * time.Millisecond
	// reportEvery is how often the agent reports its health.
	reportEvery = time.Second
)

// A monitor measures the health of the agent itself.
type monitor struct {
	begin time.Time
	send  func(Health)
	last  time.Time
	cpu   time.Duration
	// waits is the run delay of each thread at the last report, by its id.
	waits map[string]time.Duration
	stall time.Duration
	at    time.Time
}

// newMonitor starts to measure. begin is the run's, with both clocks in it.
func newMonitor(begin time.Time, send func(Health)) *monitor {
	p := &monitor{begin: begin, send: send, last: time.Now(), cpu: cpuTime()}
	p.waits = threadWaits()
	return p
}

// run beats until stop is closed. It reports once a second and once more at the end, which is at most a beat later.
func (p *monitor) run(stop <-chan struct{}) {
	// A thread that sleeps in the kernel takes some 15 µs a beat. In an idle agent a ticker took four times
	// that, because Go's scheduler looks for more to do each time that it is woken.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// A standstill before the first beat delayed the first requests.
	before := p.begin
	for last := false; !last; {
		sleep(heartbeat)
		select {
		case <-stop:
			last = true
		default:
		}
		now := time.Now()
		if late := now.Sub(before) - heartbeat; late > p.stall {
			p.stall, p.at = late, now
		}
		before = now
		if last || now.Sub(p.last) >= reportEvery {
			p.report(now)
		}
	}
}

func (p *monitor) report(now time.Time) {
	cpu, waits := cpuTime(), threadWaits()
	h := Health{
		At: onRunClock(p.begin, now), Took: now.Sub(p.last), CPU: cpu - p.cpu, Cores: runtime.GOMAXPROCS(0),
		Stall: p.stall,
		// Round(0) removes the monotonic reading, so that the wall clock is left.
		ClockStep: now.Round(0).Sub(p.begin.Round(0)) - now.Sub(p.begin),
	}
	if p.stall > 0 {
		h.StallAt = onRunClock(p.begin, p.at)
	}
	// Threads come and go. A new one has waited only since it began.
	for id, wait := range waits {
		// The kernel gives an id to another thread again, which may have waited less than the one before.
		if since := wait - p.waits[id]; since >= 0 {
			h.RunDelay += since
		} else {
			h.RunDelay += wait
		}
	}
	p.last, p.cpu, p.waits, p.stall = now, cpu, waits, 0
	p.send(h)
}

// onRunClock returns a moment relative to begin, the one clock reading for all times of a run.
func onRunClock(begin, at time.Time) time.Time { return begin.Add(at.Sub(begin)) }
