package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/format"
)

const (
	// bracketMiss is the probability that a rollback's bracket ends before the true switch.
	bracketMiss = 0.005
	// strayMiss is the probability that a rollback counts as Recovered while affected requests go on as before.
	strayMiss = 1e-4
	// keptUnaffected bounds the memory of a clock: so many requests after the last affected one are remembered.
	// A canary with a share of 0.1 % needs half of them.
	keptUnaffected = 10_000
)

// A Rollback times how a canary is taken back. A request is affected if the canary answered it or if it failed. All
// times are counted from Change.Written, the moment that the API server had accepted the old manifest again.
//
// What a caller can know is limited by how often it asks: affected requests came at a rate of rate times share
// before the write, so that between the true switch and the last affected request before it lies a gap that is
// distributed exponentially, with a mean of 1/(rate * share) (Resolution). The bracket from Low to High has the
// true switch in it in 99 % of all cases and more. It is made without a model of the gap:
//
//   - the last affected request was decided after it was sent: the switch was not before that (Low),
//   - had the switch come after High, m requests in a row would have escaped a share of p that were sent after
//     the last affected one and done by then: m is chosen so that (1-p)^m is 0.5 % at most, with the lower end
//     of p's own interval. Where affected requests went on when every proxy was synced, p is the lower of their
//     share before and then.
type Rollback struct {
	// Method says in words what was done, such as "kubectl rollout undo deployment my-service-v2".
	Method string `json:"method,omitempty"`
	// Canary and Cohort are those of the PhaseSpec.
	Canary string `json:"canary,omitempty"`
	Cohort string `json:"cohort,omitempty"`
	// Before is the share of affected requests while the phase before the rollback was settled. Rate is how many
	// requests, affected or not, were sent in a second then.
	Before Share   `json:"before"`
	Rate   float64 `json:"rate"`
	// Resolution is the mean time between two affected requests before the write: 1/(Rate * Before). 0 means that no
	// request was affected before, so that there was nothing to time.
	Resolution time.Duration `json:"resolutionNs"`
	// Route is until the last affected request was sent, Drain until the last affected request was done. Both
	// are 0 where that was before Written.
	Route time.Duration `json:"routeNs"`
	Drain time.Duration `json:"drainNs"`
	// Low and High are the bracket of the true switch. High is counted from Writing, as the change may have
	// been accepted as early as then. It is 0 where too few requests came to close the bracket.
	Low  time.Duration `json:"lowNs"`
	High time.Duration `json:"highNs"`
	// ClockError is how far off the callers' times may be, where they were on another machine than the lab: the
	// bracket is wider by it at both ends. 0 where all read one clock.
	ClockError time.Duration `json:"clockErrorNs,omitempty"`
	// NoneAfter tells that no affected request was sent after the write was accepted: Route is 0 by rule.
	NoneAfter bool `json:"noneAfter"`
	// Unaffected is how many requests in a row came after the last affected one. Chance is how likely so many
	// miss a share like the one before: it is what stands between "it was the last" and luck.
	Unaffected int     `json:"unaffected"`
	Chance     float64 `json:"chance"`
	// Failed and Canaries are what the rollback cost: requests that failed, and answers of the canary that did not
	// fail, among those sent from Written to the end of the phase. Kinds has them by kind: "503", "no answer", or the
	// canary's name. UnderWay counts the affected requests that were sent before Written and done after it.
	Failed   int            `json:"failed"`
	Canaries int            `json:"canaries"`
	Kinds    map[string]int `json:"kinds,omitempty"`
	UnderWay int            `json:"underWay"`
	// Strays counts the affected requests among them that were sent when every proxy was synced to the old
	// route already.
	Strays int   `json:"strays"`
	Parts  Parts `json:"parts"`
}

// Parts are what the time of a rollback is made of, one after the other: they add up to Drain, where all are
// known. A part that is not known is 0 and goes to its neighbor. All may be a little below 0: each is read from
// another process' clock.
type Parts struct {
	// Write is the API server's: from Writing to Written. It lies before the time that is counted.
	Write time.Duration `json:"writeNs"`
	// Debounce is istiod's wait for more changes, Push its work until it sent the last of the proxies that route its
	// configuration.
	Debounce time.Duration `json:"debounceNs"`
	Push     time.Duration `json:"pushNs"`
	// Proxy is those proxies': until the last was synced.
	Proxy time.Duration `json:"proxyNs"`
	// InFlight is until the last affected request was done: below 0 where that was before the proxies were
	// synced, by as much as affected requests were rare.
	InFlight time.Duration `json:"inFlightNs"`
}

// newParts takes the change apart. drain is counted from c.Written.
func newParts(c Change, drain time.Duration) Parts {
	p := Parts{Write: c.Took()}
	at := time.Duration(0)
	if c.Noticed != 0 {
		p.Debounce, at = c.Noticed, c.Noticed
	}
	if c.RoutersPushed != 0 {
		p.Push, at = c.RoutersPushed-at, c.RoutersPushed
	}
	if c.RoutersSynced != 0 {
		p.Proxy, at = c.RoutersSynced-at, c.RoutersSynced
	}
	if drain > 0 {
		p.InFlight = drain - at
	}
	return p
}

// String is the parts in one line.
func (p Parts) String() string {
	part := func(name string, d time.Duration) string { return format.When(d > 0, name+" "+format.Short(d)) }
	return format.Join("; then ", "made of: the write "+format.Short(p.Write), format.Join(", ",
		part("istiod waited for more changes", p.Debounce), part("istiod pushed", p.Push),
		part("proxies took it over", p.Proxy), part("requests in flight", p.InFlight)))
}

// Known tells whether there was anything to time.
func (r Rollback) Known() bool { return r.Resolution > 0 }

// Recovered tells whether so many requests came after the last affected one that it was the last: had the share
// before gone on, so many would have missed it at most once in 10,000 times.
func (r Rollback) Recovered() bool { return r.Known() && r.High > 0 && r.Chance <= strayMiss }

// A rollbackClock times a rollback from samples that come in the order in which they were done, or nearly so.
type rollbackClock struct {
	out    Rollback
	before Window
	phase  Observation
	// requests and affected count those of the phase before.
	requests, affected int
	// settled counts the requests that were sent once every proxy was synced.
	settled int
	// last is when the last affected request was sent, drained when the last was done.
	last, drained time.Time
	// free are the unaffected requests sent after last, by that time; more counts those that were dropped.
	free []trip
	more int
}

type trip struct{ sent, done time.Time }

// newRollbackClock starts a clock for a phase that rolls back. before is the settled window of the phase before
// it; of both, only the times are needed yet.
func newRollbackClock(spec PhaseSpec, before Window, phase Observation, clockError time.Duration) *rollbackClock {
	r := Rollback{
		Method: spec.Method, Canary: spec.Canary, Cohort: spec.Cohort, Kinds: map[string]int{}, ClockError: clockError,
	}
	return &rollbackClock{out: r, before: before, phase: phase, last: phase.Change.Writing}
}

// add takes one of the run's samples.
func (c *rollbackClock) add(s *loadgen.Sample) {
	if c.out.Cohort != "" && s.Cohort != c.out.Cohort || !s.Sent.Before(c.phase.End) {
		return
	}
	canary := c.out.Canary != "" && s.Version == c.out.Canary
	affected := canary || s.Failed()
	if c.before.contains(s.Sent) {
		c.requests++
		if affected {
			c.affected++
		}
	}
	if c.phase.Settled.contains(s.Sent) {
		c.settled++
	}
	written := c.phase.Change.Written
	if !affected {
		if s.Sent.After(c.last) {
			c.keep(trip{s.Sent, s.Done})
		}
		return
	}
	if s.Done.After(c.drained) {
		c.drained = s.Done
	}
	if s.Sent.After(c.last) {
		c.last = s.Sent
		n := sort.Search(len(c.free), func(i int) bool { return c.free[i].sent.After(s.Sent) })
		c.free = slices.Delete(c.free, 0, n)
		c.more = 0
	}
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
		c.out.Kinds[strconv.Itoa(s.Code)]++
	}
	if c.phase.Settled.contains(s.Sent) {
		c.out.Strays++
	}
}

func (c *rollbackClock) keep(t trip) {
	i := sort.Search(len(c.free), func(i int) bool { return c.free[i].sent.After(t.sent) })
	if len(c.free) < keptUnaffected {
		c.free = slices.Insert(c.free, i, t)
		return
	}
	// Only the first of them are needed to close the bracket.
	c.more++
	if i < len(c.free) {
		c.free = slices.Insert(c.free[:len(c.free)-1], i, t)
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
	r.Unaffected = len(c.free) + c.more
	r.Chance = 1
	if r.Known() {
		low, _ := Interval(c.affected, c.requests)
		if r.Strays > 0 {
			// Affected requests go on with a share of their own, which may be lower than the one before. The
			// chance has to rule out that share.
			still, _ := Interval(r.Strays, max(c.settled-r.Unaffected, r.Strays))
			low = min(low, still)
		}
		r.Chance = math.Pow(1-low, float64(r.Unaffected))
		m := 1
		if low < 1 {
			m = max(int(math.Ceil(math.Log(bracketMiss)/math.Log1p(-low))), 1)
		}
		if m <= len(c.free) {
			done := make([]time.Time, len(c.free))
			for i, t := range c.free {
				done[i] = t.done
			}
			slices.SortFunc(done, time.Time.Compare)
			r.High = done[m-1].Sub(change.Writing) + r.ClockError
		}
	}
	r.Parts = newParts(*change, r.Drain)
	return r
}

// Cost is what callers paid for the rollback.
func (r Rollback) Cost() string {
	cost := format.Plural(r.Failed, "failed request", "failed requests")
	if r.Canary != "" {
		cost += fmt.Sprintf(", %s from %s", format.Plural(r.Canaries, "good answer", "good answers"), r.Canary)
	}
	return cost
}

// Bracket is the bracket for a table, empty where it never closed.
func (r Rollback) Bracket() string {
	return format.When(r.High > 0, format.Range(format.Short(r.Low), format.Short(r.High)))
}

// bracket is the bracket for people.
func (r Rollback) bracket() string {
	if r.High == 0 {
		return "too few requests followed to bracket it"
	}
	return fmt.Sprintf("99 %% bracket %s to %s", format.Short(r.Low), format.Short(r.High))
}

// String is the route time in one sentence, with its bracket.
func (r Rollback) String() string {
	if !r.Known() {
		return "nothing to time: no request was affected before it"
	}
	if r.NoneAfter {
		return fmt.Sprintf("0 ms: no affected request was sent after the write was accepted (%s)", r.bracket())
	}
	return fmt.Sprintf("%s until the last affected request was sent (%s)", format.Short(r.Route), r.bracket())
}

// FailureKinds are the ways in which requests failed, the most frequent first.
func (r Rollback) FailureKinds() []string {
	all := slices.DeleteFunc(slices.Collect(maps.Keys(r.Kinds)), func(k string) bool { return k == r.Canary })
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(r.Kinds[b]-r.Kinds[a], cmp.Compare(a, b)) })
	return all
}
