package training

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A timeline keeps what happened in a mission, and the traffic by the second. It is not safe for concurrent use.
type timeline struct {
	// seconds count the requests by the second in which they were sent.
	seconds map[int64]*count
	writes  []environment.Write
	states  []State
	// found are the codes of istioctl analyze, each time that they changed.
	found []found
	// looked is when istioctl analyze was asked last, and same are the moments since the last of found at which it said
	// the same.
	looked time.Time
	same   []time.Time
	// orders are what the learner asked of the trainer.
	orders []order
}

// found is what istioctl analyze said at a moment.
type found struct {
	At    time.Time
	Codes []string
	Texts []string
}

// An order is what the learner asked of the trainer.
type order struct {
	At   time.Time
	Text string
}

func newTimeline() *timeline { return &timeline{seconds: map[int64]*count{}} }

func (t *timeline) add(a *Answer) {
	second := t.seconds[a.Sent.Unix()]
	if second == nil {
		second = newCount()
		t.seconds[a.Sent.Unix()] = second
	}
	second.add(a)
}

// see keeps a state if its verdict is another than the last one's. It tells whether it is.
func (t *timeline) see(s State) bool {
	if n := len(t.states); n > 0 && t.states[n-1].Verdict == s.Verdict {
		return false
	}
	t.states = append(t.states, s)
	return true
}

// find keeps what istioctl analyze says, if it is something else than before.
func (t *timeline) find(at time.Time, all []environment.Finding) {
	t.looked = at
	f := found{At: at}
	for _, one := range all {
		f.Codes, f.Texts = append(f.Codes, one.Code), append(f.Texts, one.Code+" "+one.Text)
	}
	slices.Sort(f.Codes)
	f.Codes = slices.Compact(f.Codes)
	if n := len(t.found); n > 0 && slices.Equal(t.found[n-1].Codes, f.Codes) {
		t.same = append(t.same, at)
		return
	}
	t.found, t.same = append(t.found, f), nil
}

// between counts what was sent in the whole seconds from one moment to another.
func (t *timeline) between(from, to time.Time) *count {
	sum := newCount()
	for s := from.Unix(); s < to.Unix(); s++ {
		if c := t.seconds[s]; c != nil {
			sum.merge(c)
		}
	}
	return sum
}

// fared says in a few words how requests fared.
func (c *count) fared() string {
	if c.sent == 0 {
		return "no requests"
	}
	var parts []string
	for _, k := range c.sortedKinds() {
		parts = append(parts, share(k.Count, c.sent)+" "+k.Name)
	}
	if len(parts) == 0 {
		parts = append(parts, "no failure")
	}
	for _, v := range sortedNames(c.versions) {
		n := c.versions[v]
		for kind, misrouted := range c.kinds {
			if strings.HasPrefix(kind, v+inPlaceOf) {
				n -= misrouted // they have been told
			}
		}
		if n > 0 {
			parts = append(parts, share(n, c.sent)+" "+v)
		}
	}
	return strings.Join(parts, ", ")
}

// share is "10.1 %".
func share(count, of int) string { return format.Percent(analysis.NewShare(count, of).Percent) + " %" }

// The stretches that are compared to say what a write did: before it, and after it has reached the proxies.
const (
	lookBack  = 3 * time.Second
	arrives   = 2 * time.Second
	lookAhead = 6 * time.Second
)

// An Effect is a write with the traffic around it.
type Effect struct {
	// After is when the write was made, counted from the break.
	After time.Duration     `json:"afterNs"`
	Write environment.Write `json:"write"`
	// Before and Then say how requests fared, Verdict is what the judge said some seconds later.
	Before string `json:"before"`
	Then   string `json:"then"`
	// Later says how they fared in the end, up to the next write or until Until, where requests then failed in other
	// ways or did no more: pods take a while to come, and streams to end.
	Later   string        `json:"later,omitempty"`
	Until   time.Duration `json:"untilNs,omitempty"`
	Verdict Verdict       `json:"verdict,omitempty"`
}

// effects are the writes, each with what the traffic was before and after. A write that another one follows at once is
// held against the same traffic.
func (t *timeline) effects(since, now time.Time) []Effect {
	var all []Effect
	for i, w := range t.writes {
		to, next := w.At.Add(lookAhead), w.At.Add(keep)
		for _, later := range t.writes[i+1:] {
			if later.At.Sub(w.At) > arrives {
				if later.At.Before(to) {
					to = later.At
				}
				if later.At.Before(next) {
					next = later.At
				}
				break
			}
		}
		e := Effect{
			After: w.At.Sub(since), Write: w, Before: t.between(w.At.Add(-lookBack), w.At).fared(),
			Then: "not known yet",
		}
		if from := w.At.Add(arrives); to.After(from) && now.After(from.Add(time.Second)) {
			then := t.between(from, to)
			e.Then = then.fared()
			if now.Before(next) {
				next = now
			}
			// The last second may not be known as a whole.
			end := t.between(next.Add(-lookBack-time.Second), next.Add(-time.Second))
			others := !slices.Equal(sortedNames(then.kinds), sortedNames(end.kinds))
			if next.Sub(to) > lookBack && end.sent > 0 && others {
				e.Later, e.Until = end.fared(), next.Sub(w.At)
			}
		}
		e.Verdict = t.verdict(w.At, to, next)
		all = append(all, e)
	}
	return all
}

// verdict is what the judge made of what was written at a moment: its last one some seconds after the traffic that is
// looked at, which ends at to, or, where that is unsure, the next one that is not, before something else was written.
func (t *timeline) verdict(at, to, next time.Time) (v Verdict) {
	for _, s := range t.states {
		switch {
		case s.At.Before(at):
		case s.At.Before(to.Add(soon)), (v == Unsure || v == "") && s.At.Before(next):
			v = s.Verdict
		}
	}
	return v
}

// analyzer says what istioctl analyze found, and from when on.
func (t *timeline) analyzer(since time.Time) []string {
	afterwards := func(at time.Time) string { return strings.TrimSpace(after(at.Sub(since))) }
	var all []string
	for _, f := range t.found {
		what := "nothing"
		if len(f.Texts) > 0 {
			what = strings.Join(f.Texts, "; ")
		}
		when := "before the break"
		if f.At.After(since) {
			when = afterwards(f.At)
		}
		all = append(all, when+": "+what)
	}
	if !t.looked.After(since) {
		return append(all, "after the break: it was not asked any more")
	}
	var again []string
	for _, at := range t.same {
		if at.After(since) {
			again = append(again, afterwards(at))
		}
	}
	if n := len(again); n > 5 {
		again = append(again[:2:2], fmt.Sprintf("%d times more up to %s", n-2, again[n-1]))
	}
	if len(again) > 0 {
		all = append(all, "asked again at "+strings.Join(again, ", ")+": the same")
	}
	return all
}
