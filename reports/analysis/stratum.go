package analysis

import (
	"math"
	"slices"
	"sort"
	"time"
)

const (
	// keptUnaffected bounds the memory of a stratum: so many requests after the last affected one are remembered.
	// A share of 0.1 % needs half of them.
	keptUnaffected = 10_000
	// keptInAll bounds that of all strata of a clock together, at 16 bytes each.
	keptInAll = 1 << 20
	// rareFailures is what part of the affected requests failures have to be that were not the canary's, to get a
	// stratum of their own. A handful among a canary's thousands of answers has no switch that could be timed.
	rareFailures = 0.05
)

// A trip is when a request was sent and done, counted from Change.Earliest.
type trip struct{ sent, done time.Duration }

// A tail is what followed the last affected request of some that belong together.
type tail struct {
	// last is when that was sent, counted from Change.Earliest: 0 where it was before.
	last time.Duration
	// free are the other requests sent after last, by that time; more counts those that were dropped.
	free []trip
	more int
}

// hit takes an affected request. freed is how many others were forgotten for it.
func (t *tail) hit(sent time.Duration) (freed int) {
	if sent <= t.last {
		return 0
	}
	t.last = sent
	n := t.after(sent)
	t.free = slices.Delete(t.free, 0, n)
	t.more = 0
	return n
}

// miss takes another request. kept tells whether one more is remembered.
func (t *tail) miss(x trip, room bool) (kept bool) {
	if x.sent <= t.last {
		return false
	}
	i := t.after(x.sent)
	if room && len(t.free) < keptUnaffected {
		t.free = slices.Insert(t.free, i, x)
		return true
	}
	// Only the first of them are needed to close the bracket.
	t.more++
	if i < len(t.free) {
		t.free = slices.Insert(t.free[:len(t.free)-1], i, x)
	}
	return false
}

// after is how many of free were not sent after a moment.
func (t *tail) after(sent time.Duration) int {
	return sort.Search(len(t.free), func(i int) bool { return t.free[i].sent > sent })
}

// len is how many requests followed.
func (t *tail) len() int { return len(t.free) + t.more }

// end is when m requests that were sent after the last affected one were done, not ok where fewer are known.
func (t *tail) end(m int) (end time.Duration, ok bool) {
	if m > len(t.free) {
		return 0, false
	}
	done := make([]time.Duration, len(t.free))
	for i, x := range t.free {
		done[i] = x.done
	}
	slices.Sort(done)
	return done[m-1], true
}

// A stratum is the part of a rollback that has one switch and one share: one of the canary's pods, as one
// caller reaches it. All failures that were not the canary's are a stratum too.
type stratum struct {
	tail
	// canary tells that the canary answered here: otherwise all affected requests failed.
	canary bool
	// affected counts those while the phase before was settled, strays those that were sent when every proxy was
	// synced.
	affected, strays int
}

// share is the lower end of the interval of the stratum's share: before the change, or after it where that is
// lower. c is the caller that it is of.
func (s *stratum) share(c *callerClock) float64 {
	low, _ := Interval(s.affected, c.requests)
	if s.strays > 0 {
		// Affected requests go on with a share of their own, which may be lower than the one before. The
		// chance has to rule out that share.
		still, _ := Interval(s.strays, max(c.settled-s.len(), s.strays))
		low = min(low, still)
	}
	return low
}

// Closing foretells what a rollback takes of a caller who sent so many requests before it, of which affected were of
// one of its switches. Once closes requests in a row that are not affected were done, the switch's part of the bracket
// is closed; once last of them were, the last affected one counts as the last (see Rollback.Recovered).
func Closing(affected, requests int) (closes, last int) {
	low, _ := Interval(affected, requests)
	return misses(low), missesAt(low, strayMiss)
}

// misses is how many requests in a row escape a share with a probability of bracketMiss at most.
func misses(share float64) int { return missesAt(share, bracketMiss) }

// missesAt is how many requests in a row escape a share with a probability at most.
func missesAt(share, probability float64) int {
	switch {
	case share >= 1:
		return 1
	case share <= 0:
		return math.MaxInt
	}
	return max(int(math.Ceil(min(math.Log(probability)/math.Log1p(-share), math.MaxInt32))), 1)
}

// A callerClock has a caller's strata, by pod of the canary: "" is what failed otherwise.
type callerClock struct {
	// requests counts all of the caller's while the phase before was settled, affected the affected ones. settled
	// counts those that were sent once every proxy was synced.
	requests, affected, settled int
	// all is of the caller's requests whatever they were affected by.
	all    tail
	strata map[string]*stratum
}

// timed tells whether a stratum has a switch of its own: it was affected before, and not by a few failures only.
func (c *callerClock) timed(s *stratum) bool {
	return s.affected > 0 && (s.canary || float64(s.affected) >= rareFailures*float64(c.affected))
}

// at returns the stratum of a pod.
func (c *callerClock) at(pod string, canary bool) *stratum {
	s := c.strata[pod]
	if s == nil {
		s = &stratum{}
		c.strata[pod] = s
	}
	s.canary = s.canary || canary
	return s
}
