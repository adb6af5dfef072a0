package html

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

const (
	timelineHeight = 220
	closeupHeight  = 120
	// shownCloseups bounds the page: a run of forty rollbacks has forty of them. openCloseups are shown at once.
	shownCloseups = 12
	openCloseups  = 2
)

// A timelineView is the whole run.
type timelineView struct {
	*stack
	Bands  []band
	Marks  []changeMark
	Spans  []span
	Counts countsView
	// Open are close-ups that are shown at once, Folded others.
	Open, Folded []closeupView
	Caption      string
}

// A band is one phase above the chart, or the time between two: Number is 0 there.
type band struct {
	Number              int
	Name, Anchor, Class string
	Outcome             reports.Outcome
	Back                bool
}

// A changeMark is a change: places in percent across.
type changeMark struct {
	Written, First, Last string
	Synced, Back         bool
	Title                string
}

// A span is a part of a drawing, in percent across.
type span struct{ At, Width string }

// newSpan is cut at the drawing's edges.
func newSpan(from, to float64) span {
	from, to = clamp(from, 100), clamp(to, 100)
	return span{number(from, 3), number(max(to-from, 0), 3)}
}

// countsView has the exact numbers, by phase.
type countsView struct {
	Heads []stackKind
	Rows  []countsRow
}

type countsRow struct {
	Phase  string
	Total  int
	Counts []int
}

func (p *page) timeline() {
	r := p.Report
	t := r.Timeline
	if t == nil {
		p.NoTimeline = "This run has no timeline."
		if r.Accounting.Requests == 0 {
			p.NoTimeline = "There is no timeline: no request was recorded."
		} else if len(p.Problems) > 0 {
			p.NoTimeline = "There is no timeline: " + p.Problems[0]
		}
		return
	}
	s := newStack(t, t.Start, t.End(), t.Start, timelineHeight, 7, p.colors)
	if s == nil {
		p.NoTimeline = "There is no timeline: it has no request in it."
		return
	}
	v := &timelineView{stack: s, Caption: fmt.Sprintf("Requests per %s, by who answered%s.", s.Per(),
		format.When(s.fails(), "; hatched are those that failed, by how they did"))}
	end := s.From
	for i, phase := range r.Phases {
		o := phase.Observation
		if o.Start.IsZero() || o.Start.Before(s.From) && o.End.Before(s.From) {
			continue
		}
		v.gap(p, end, o.Start)
		v.Bands = append(v.Bands, band{
			Number: i + 1, Name: phase.Name, Anchor: anchor(i), Class: p.width(o.End.Sub(later(o.Start, end))),
			Outcome: phase.Outcome(), Back: o.Rollback != nil,
		})
		end = later(o.End, end)
		until := o.SettledAt
		if until.IsZero() {
			until = o.End
		}
		v.Spans = append(v.Spans, newSpan(s.at(o.Start), s.at(until)))
		if c := o.Change; c != nil && !c.Written.IsZero() {
			at := func(d time.Duration) string { return number(s.at(c.Written.Add(d)), 3) }
			v.Marks = append(v.Marks, changeMark{
				Written: at(0), First: at(c.FirstSynced), Last: at(c.LastSynced), Synced: c.Proxies > 0,
				Back: o.Rollback != nil, Title: changeTitle(phase),
			})
		}
	}
	v.gap(p, end, s.To)
	v.Counts = p.counts(s)
	p.Timeline = v
	p.closeups(v)
}

// gap adds a band without a phase.
func (v *timelineView) gap(p *page, from, to time.Time) {
	if to.After(from) {
		v.Bands = append(v.Bands, band{Class: p.width(to.Sub(from))})
	}
}

// width is the class of a band as long as d.
func (p *page) width(d time.Duration) string {
	return p.rule("flex:%d 0 0", max(d.Milliseconds(), 1))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// changeTitle says in one line what a change was and when proxies were synced.
func changeTitle(phase reports.Phase) string {
	c := phase.Observation.Change
	s := phase.Name + ": written"
	if c.Proxies > 0 {
		first, last := format.Short(c.FirstSynced), format.Short(c.LastSynced)
		s += fmt.Sprintf(", first proxy %s, last of %d proxies %s after that", first, c.Proxies, last)
	}
	return s
}

// counts are the exact numbers of each phase. They are those of its windows, so that they are whole where a bin
// lies in two phases.
func (p *page) counts(s *stack) countsView {
	v := countsView{Heads: s.Kinds}
	index := map[string]int{}
	for i, k := range s.Kinds {
		index[k.Name] = i
	}
	for i, phase := range p.Report.Phases {
		row := countsRow{Phase: fmt.Sprintf("%d  %s", i+1, phase.Name), Counts: make([]int, len(s.Kinds))}
		o := phase.Observation
		for _, w := range []analysis.Window{o.Transition, o.Settled} {
			row.Total += w.Total.Requests
			good := map[string]int{}
			maps.Copy(good, w.Total.Versions)
			for _, f := range w.Total.Failures {
				if !f.Failed() {
					continue // answered well, and flagged
				}
				good[f.Version] -= f.Count
				if i, ok := index[(analysis.Series{Version: f.Version, Flag: f.Key()}).Kind()]; ok {
					row.Counts[i] += f.Count
				}
			}
			for version, n := range good {
				if i, ok := index[(analysis.Series{Version: version}).Kind()]; ok {
					row.Counts[i] += n
				}
			}
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// A closeupView is what happened around one change.
type closeupView struct {
	Title, Anchor, Sentence string
	*stack
	// Zero is the write's place across, in percent.
	Zero  string
	Spans []span
	Lanes []lane
	Back  bool
}

// A lane is one line below a close-up: something that took from one moment to another.
type lane struct {
	Name, Class, Value string
	span
	// Point is a moment.
	Point bool
}

func (p *page) closeups(v *timelineView) {
	var backs, breaks []closeupView
	for i, phase := range p.Report.Phases {
		c, back := phase.Observation.Change, phase.Observation.Rollback != nil && len(backs) < shownCloseups
		if c == nil || c.Written.IsZero() || !back && !phase.Breaks {
			continue
		}
		if view, ok := p.closeup(i, phase); ok && back {
			backs = append(backs, view)
		} else if ok {
			breaks = append(breaks, view)
		}
	}
	first := breaks[:min(len(breaks), 1)]
	more := min(len(backs), openCloseups-len(first))
	v.Open = slices.Concat(first, backs[:more])
	v.Folded = slices.Concat(breaks[len(first):], backs[more:])
}

// closeup draws a phase's change: from just before the write to just after all that there is to be seen.
func (p *page) closeup(i int, phase reports.Phase) (closeupView, bool) {
	o := phase.Observation
	c, b := o.Change, o.Rollback
	v := closeupView{Title: phase.Name, Anchor: anchor(i), Back: b != nil}
	until := max(c.LastSynced, 300*time.Millisecond)
	if b != nil && b.Known() {
		until = max(until, b.Route, b.High)
		v.Sentence = upper(b.String()) + "."
	}
	before := min(max(until/4, 50*time.Millisecond)+c.Took(), 400*time.Millisecond)
	from, to := c.Written.Add(-before), c.Written.Add(until+until/5)
	t := o.Closeup
	if t == nil || to.After(t.End()) {
		t = p.Report.Timeline // coarser, and longer
	}
	if t == nil {
		return v, false
	}
	v.stack = newStack(t, from, to, c.Written, closeupHeight, 3, p.colors)
	if v.stack == nil {
		return v, false
	}
	if b == nil && c.Proxies == 0 && !v.fails() {
		return v, false // nothing spread, and nothing happened
	}
	v.Zero = number(v.at(c.Written), 3)
	part := func(from, to time.Duration) span {
		return newSpan(v.at(c.Written.Add(from)), v.at(c.Written.Add(to)))
	}
	add := func(name, class, value string, from, to time.Duration, point bool) {
		v.Lanes = append(v.Lanes, lane{name, class, value, part(from, to), point})
	}
	add("the write", "write", format.Short(c.Took()), -c.Took(), 0, false)
	at := time.Duration(0)
	if c.Noticed > 0 {
		add("istiod waits for more changes", "wait", format.Short(c.Noticed), 0, c.Noticed, false)
		at = c.Noticed
	}
	if c.LastPushed > at {
		add("istiod pushes", "push", format.Short(c.LastPushed-at), at, c.LastPushed, false)
	}
	switch {
	case c.Proxies == 1:
		add("the proxy is synced", "synced", format.Short(c.LastSynced), c.LastSynced, c.LastSynced, true)
	case c.Proxies > 1:
		add(fmt.Sprintf("first to last of %d proxies", c.Proxies), "synced",
			format.Short(c.FirstSynced)+" – "+format.Short(c.LastSynced), c.FirstSynced, c.LastSynced, false)
	}
	if b != nil && b.Known() {
		if !b.NoneAfter {
			add("last affected request sent", "affected", format.Short(b.Route), b.Route, b.Route, true)
		}
		if b.High > 0 {
			bracket := format.Short(b.Low) + " – " + format.Short(b.High)
			add("the switch lies in here (99 %)", "bracket", bracket, b.Low, b.High, false)
			v.Spans = append(v.Spans, part(b.Low, b.High))
		}
	}
	return v, true
}

// changesView are the clocks of all changes.
type changesView struct {
	Rows []changeRow
	// Ticks label the bars' axis.
	Ticks []tick
}

type changeRow struct {
	Number                                                                int
	Name, Did, Anchor, Took, Noticed, Pushed, First, Last, Settled, Proxy string
	// Parts are the bar.
	Parts []lane
	Back  bool
}

func (p *page) changes() changesView {
	var v changesView
	reach := time.Duration(0)
	var synced []time.Duration
	for _, phase := range p.Report.Phases {
		if c := phase.Observation.Change; c != nil {
			reach = max(reach, c.LastSynced, c.LastPushed, c.Noticed)
			synced = append(synced, c.LastSynced)
		}
	}
	// One slow change (pods that have to start) must not make all others too short to be seen.
	synced = slices.DeleteFunc(synced, func(d time.Duration) bool { return d <= 0 })
	slices.Sort(synced)
	if len(synced) > 0 {
		reach = min(reach, 4*synced[len(synced)/2])
	}
	reach = max(reach, 50*time.Millisecond)
	zero := time.Unix(0, 0)
	v.Ticks = timeTicks(zero, zero.Add(reach), zero, 2)
	for i, phase := range p.Report.Phases {
		o := phase.Observation
		c := o.Change
		if c == nil {
			continue
		}
		row := changeRow{
			Number: i + 1, Name: phase.Name, Did: phase.Did, Anchor: anchor(i), Back: o.Rollback != nil,
			Took: "never answered", Settled: "never",
		}
		if !c.Written.IsZero() {
			row.Took = format.Short(c.Took())
			row.Noticed = format.When(c.Noticed != 0, format.Short(c.Noticed))
			row.Pushed = format.When(c.LastPushed != 0, format.Short(c.LastPushed))
			if c.Proxies > 0 {
				row.First, row.Last = format.Short(c.FirstSynced), format.Short(c.LastSynced)
				row.Proxy = format.Number(c.Proxies)
				if c.Late {
					row.Last = "≤ " + row.Last
				}
			}
			at := func(d time.Duration) float64 { return 100 * float64(d) / float64(reach) }
			part := func(class string, from, to time.Duration) {
				if to > from && to > 0 && from < reach {
					row.Parts = append(row.Parts, lane{Class: class, span: newSpan(at(from), at(to))})
				}
			}
			part("wait", 0, c.Noticed)
			part("push", max(c.Noticed, 0), c.LastPushed)
			part("synced", max(c.LastPushed, 0), c.LastSynced)
		}
		if !o.SettledAt.IsZero() {
			row.Settled = format.Short(o.SettledAt.Sub(o.Start))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}
