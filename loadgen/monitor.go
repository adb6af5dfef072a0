package loadgen

import (
	"context"
	"errors"
	"runtime"
	"time"
)

const (
	// heartbeat is how often the agent's heart should beat. A standstill of 50 ms is a gap of 50 ms or more
	// between two beats, so the monitor sees 45 ms of it or more.
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
	// beside is what an ordinary program would see.
	beside bystander
	// realTime tells that the agent has the real-time class, yielded that it had it.
	realTime, yielded bool
}

// mostOfTheMachine is the part of the machine's processors up to which an agent keeps the real-time class. One that
// takes more leaves the proxies that it waits for too little: on two processors, at 2,062 requests a second where
// ordinary agents sent 2,000, requests waited for 18 s, as the agent took four fifths of both for those that waited.
const mostOfTheMachine = 0.5

// monitorAgent reports on the agent until stop is called, and on what an ordinary program sees where the agent itself
// is none. begin is the run's.
func monitorAgent(ctx context.Context, begin time.Time, send func(Health)) (stop func() error, err error) {
	halt := make(chan struct{})
	beats, err := newAlarm(halt)
	if err != nil {
		return nil, err
	}
	m := newMonitor(begin, send)
	leave := func() error { return nil }
	if m.realTime = isRealTime(); m.realTime {
		if leave, err = m.beside.start(ctx, "/proc/self/exe", "bystand"); err != nil {
			return nil, errors.Join(err, beats.close())
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.run(beats)
	}()
	return func() error {
		close(halt)
		beats.interrupt()
		<-done
		return errors.Join(leave(), beats.close())
	}, nil
}

// newMonitor starts to measure. begin is the run's, with both clocks in it.
func newMonitor(begin time.Time, send func(Health)) *monitor {
	p := &monitor{begin: begin, send: send, last: time.Now(), cpu: cpuTime()}
	p.waits = threadWaits()
	return p
}

// run beats until beats is stopped. It reports once a second and once more at the end, which is at most a beat later.
func (p *monitor) run(beats *alarm) {
	// A standstill before the first beat delayed the first requests.
	before := p.begin
	for last := false; !last; {
		// A thread that sleeps in the kernel would take a fourth of this wake-up. But as long as one is in a system
		// call, Go's sysmon looks every 20 µs whether it is back (runtime/proc.go), and took more than is saved: an
		// agent that sends 500 requests a second took 0.82 s of a processor in 6 s so, and 0.70 s as it is.
		last = !beats.wait(time.Now().Add(heartbeat))
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
	cpu, delays := cpuTime(), threadWaits()
	h := Health{
		At: onRunClock(p.begin, now), Took: now.Sub(p.last), CPU: cpu - p.cpu, Cores: runtime.GOMAXPROCS(0),
		Stall: p.stall,
		// Round(0) removes the monotonic reading, so that the wall clock is left.
		ClockStep: now.Round(0).Sub(p.begin.Round(0)) - now.Sub(p.begin),
	}
	if p.realTime && h.CPU.Seconds() > mostOfTheMachine*float64(runtime.NumCPU())*h.Took.Seconds() {
		// What can't give it up keeps it, as the next report tries again.
		p.yielded = beOrdinary() == nil
		p.realTime = !p.yielded
	}
	h.Yielded = p.yielded
	waits := p.beside.take()
	h.Woken, h.WokenLate = waits.Woken, waits.Late
	if p.stall > 0 {
		h.StallAt = onRunClock(p.begin, p.at)
	}
	// Threads come and go. A new one has waited only since it began.
	for id, wait := range delays {
		// The kernel gives an id to another thread again, which may have waited less than the one before.
		if since := wait - p.waits[id]; since >= 0 {
			h.RunDelay += since
		} else {
			h.RunDelay += wait
		}
	}
	p.last, p.cpu, p.waits, p.stall = now, cpu, delays, 0
	p.send(h)
}

// onRunClock returns a moment relative to begin, the one clock reading for all times of a run.
func onRunClock(begin, at time.Time) time.Time { return begin.Add(at.Sub(begin)) }
