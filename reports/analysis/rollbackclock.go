package analysis

import (
	"math"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// A rollbackClock times a rollback from samples that come in the order in which they were done, or nearly so.
type rollbackClock struct {
	out    Rollback
	before Window
	phase  Observation
	ways   ways
	// requests and affected count those of the phase before.
	requests, affected int
	// last is when the last affected request was sent, drained when the last was done.
	last, drained time.Time
	callers       map[caller]*callerClock
	// all is of all callers, by whatever affected them. room is how many more requests may be remembered.
	all  tail
	room int
}

// newRollbackClock starts a clock for a phase that rolls back. before is the settled window of the phase before
// it; of both, only the times are needed yet.
func newRollbackClock(
	spec PhaseSpec, ways ways, before Window, phase Observation, clockError time.Duration,
) *rollbackClock {
	r := Rollback{
		Method: spec.Method, Canary: spec.Canary, Cohort: spec.Cohort, Kinds: map[string]int{}, ClockError: clockError,
	}
	return &rollbackClock{
		out: r, ways: ways, before: before, phase: phase, last: phase.Change.Earliest(),
		callers: map[caller]*callerClock{}, room: keptInAll,
	}
}

// add takes one of the run's samples.
func (c *rollbackClock) add(s *loadgen.Sample) {
	if c.out.Cohort != "" && s.Cohort != c.out.Cohort || !s.Sent.Before(c.phase.End) {
		return
	}
	canary := c.out.Canary != "" && s.Version == c.out.Canary
	affected := canary || s.Failed()
	c.stratify(s, canary, affected)
	if !affected {
		return
	}
	if s.Done.After(c.drained) {
		c.drained = s.Done
	}
	if s.Sent.After(c.last) {
		c.last = s.Sent
	}
	written := c.phase.Change.Written
	if s.Sent.Before(written) {
		if s.Done.After(written) {
			c.out.UnderWay++
		}
		return
	}
	switch {
	case !s.Failed():
		c.out.Canaries++
		c.out.Kinds[c.out.Canary]++
	case s.Code == 0:
		c.out.Failed++
		c.out.Kinds["no answer"]++
	default:
		c.out.Failed++
		c.out.Kinds[s.Outcome()]++
	}
	if c.phase.Settled.contains(s.Sent) {
		c.out.Strays++
	}
}

// stratify counts a sample where it belongs.
func (c *rollbackClock) stratify(s *loadgen.Sample, canary, affected bool) {
	before, after := c.before.contains(s.Sent), s.Sent.After(c.phase.Change.Earliest())
	if !before && !after {
		return
	}
	key := c.ways.caller(s)
	from := c.callers[key]
	if from == nil {
		from = &callerClock{strata: map[string]*stratum{}}
		c.callers[key] = from
	}
	var own *stratum
	if affected {
		pod := ""
		if canary {
			pod = s.Pod
		}
		own = from.at(pod, canary)
	}
	if before {
		c.requests++
		from.requests++
		if affected {
			c.affected++
			from.affected++
			own.affected++
		}
	}
	if !after {
		return
	}
	settled := c.phase.Settled.contains(s.Sent)
	if settled {
		from.settled++
	}
	zero := c.phase.Change.Earliest()
	x := trip{s.Sent.Sub(zero), s.Done.Sub(zero)}
	if affected {
		if settled {
			own.strays++
		}
		c.room += c.all.hit(x.sent) + from.all.hit(x.sent)
	} else {
		c.miss(&c.all, x)
		c.miss(&from.all, x)
	}
	for _, other := range from.strata {
		switch {
		// What is not the canary's may be due to any pod.
		case affected && (other == own || !canary || !from.timed(own)):
			c.room += other.hit(x.sent)
		case other.affected > 0:
			c.miss(&other.tail, x)
		}
	}
}

func (c *rollbackClock) miss(t *tail, x trip) {
	if t.miss(x, c.room > 0) {
		c.room--
	}
}

// result is the clock's reading after the last sample.
func (c *rollbackClock) result() *Rollback {
	r := &c.out
	r.Before = NewShare(c.affected, c.requests)
	if open := c.before.Took(); open > 0 {
		r.Rate = float64(c.requests) / open.Seconds()
		if c.affected > 0 {
			r.Resolution = open / time.Duration(c.affected)
		}
	}
	change := c.phase.Change
	r.NoneAfter = r.Failed+r.Canaries == 0
	r.Route = max(c.last.Sub(change.Written), 0)
	r.Drain = max(c.drained.Sub(change.Written), 0) // also where none was affected, as drained is zero then
	r.Low = max(r.Route-r.ClockError, 0)
	r.Unaffected = c.all.len()
	r.Chance = 1
	if r.Known() {
		c.close()
	}
	r.Parts = newParts(*change, r.Drain)
	return r
}

// close sets the bracket's end, and what is between the last affected request and luck.
func (c *rollbackClock) close() {
	r, change := &c.out, c.phase.Change
	r.Unknown = c.unknown()
	closed, chance, end, strata := r.Unknown == 0, 0.0, time.Duration(0), 0
	if !closed {
		chance = 1
	}
	for key, from := range c.callers {
		for _, s := range from.strata {
			if !from.timed(s) {
				continue
			}
			strata++
			low := s.share(from) / c.ways.routers(key)
			chance = max(chance, math.Pow(1-low, float64(s.len())))
			ends, ok := s.end(misses(low))
			closed, end = closed && ok, max(end, ends)
		}
	}
	if strata > 1 {
		r.Strata = strata
	}
	if closed = closed && strata > 0; closed {
		r.High = end + r.ClockError
		r.Switch = min(max(c.estimate()-change.Written.Sub(change.Earliest()), r.Low), r.High)
		if w := change.Written.Sub(change.Earliest()); float64(w) >= tellWrite*float64(r.High-r.Low) {
			r.Write = w
		}
	} else if strata == 0 {
		chance = 1
	}
	r.Chance = chance
}

// estimate is when the last of the callers is likeliest to have switched, counted from Change.Earliest.
//
// A caller's switch lies after its last affected request and before an affected one would have come. With a share of p
// and requests d apart, (1-p)/p requests escape between the two on average (the mean of a geometric distribution), and
// half of a further d passes: the middle of the gap to the next request stands for that.
func (c *rollbackClock) estimate() time.Duration {
	last := time.Duration(0)
	for _, from := range c.callers {
		if from.affected == 0 || from.requests == 0 {
			continue
		}
		at := from.all.last
		if len(from.all.free) > 0 {
			at += (from.all.free[0].sent - at) / 2
		}
		apart := float64(c.before.Took()) / float64(from.requests)
		escape := float64(from.requests-from.affected) / float64(from.affected)
		last = max(last, at+time.Duration(apart*escape))
	}
	return last
}

// A pool is what all callers of one entry saw before.
type pool struct {
	requests, affected int
	// pods counts the affected requests by pod.
	pods map[string]*stratum
}

// unknown counts the callers, and the pods of callers, that may have been affected before, and of which too few
// requests were seen then to know.
func (c *rollbackClock) unknown() int {
	pools := map[loadgen.Entry]*pool{}
	for key, from := range c.callers {
		p := pools[key.via]
		if p == nil {
			p = &pool{pods: map[string]*stratum{}}
			pools[key.via] = p
		}
		p.requests, p.affected = p.requests+from.requests, p.affected+from.affected
		for pod, s := range from.strata {
			if p.pods[pod] == nil {
				p.pods[pod] = &stratum{}
			}
			p.pods[pod].affected += s.affected
			p.pods[pod].canary = p.pods[pod].canary || s.canary
		}
	}
	n := 0
	for key, from := range c.callers {
		n += from.unknown(pools[key.via])
	}
	return n
}

// unknown is a caller's part of it. p is its entry's.
func (c *callerClock) unknown(p *pool) int {
	n := 0
	for pod, all := range p.pods {
		if c.strata[pod] != nil && c.strata[pod].affected > 0 {
			continue
		}
		pooled := &callerClock{requests: p.requests, affected: p.affected}
		switch {
		case pooled.timed(all):
			// With the others' share, so many requests without one affected are too unlikely to be chance: this
			// caller does not have that share.
			if math.Pow(1-float64(all.affected)/float64(p.requests), float64(c.requests)) > bracketMiss {
				n++
			}
		case all.canary && c.strata[pod] != nil && all.affected == 0:
			n++ // a pod of the canary that came after the write
		}
	}
	return n
}
