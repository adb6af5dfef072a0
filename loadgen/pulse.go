package loadgen

import (
	"runtime"
	"time"
)

const (
	// beat is how often the agent's heart is due. 100 times a second cost some 0.1 % of a core, and a standstill of 50 ms is
	// seen as one of 40 ms at least.
	beat = 10 * time.Millisecond
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

// run beats until stop is closed, and speaks once a second and once more at the end.
func (p *pulse) run(stop <-chan struct{}) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	// What stood still before the first beat made the first requests late.
	before := p.begin
	for last := false; !last; {
		select {
		case <-stop:
			last = true
		case <-ticker.C:
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
		h.RunDelay += wait - p.waits[id]
	}
	p.last, p.cpu, p.waits, p.stall = now, cpu, waits, 0
	p.say(h)
}

// onBegin is a moment on the one clock reading that all times of a run are put on.
func onBegin(begin, at time.Time) time.Time { return begin.Add(at.Sub(begin)) }
