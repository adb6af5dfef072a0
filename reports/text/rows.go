package text

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// rows prints the phases, a row each: what was done, what was asked and seen, how many failed, and what that makes.
func (p *page) rows(r *reports.Report) {
	if len(r.Phases) == 0 {
		return
	}
	t := &terminal.Table{Align: "rlllrrrlll"}
	t.Row("", "phase", "what was done", "share", "asked", "seen", "95 % interval", "failed", "", "")
	var shown []reports.Phase
	for i, phase := range r.Phases {
		if phase.Repeat && phase.Outcome() == reports.Pass {
			continue
		}
		shown = append(shown, phase)
		subject, claimed, share, bounds := headline(phase)
		mark := ""
		if len(phase.Verdicts) > 0 {
			mark = cmp.Or(signs[phase.Outcome()].mark, "!")
		}
		t.Row(strconv.Itoa(i+1), phase.Name, briefly(phase), subject, claimed, share, bounds,
			failing(phase.Observation), mark,
			format.Join(", ", format.When(phase.Breaks, "break"), format.When(phase.Fixes, "fix")))
	}
	p.PlainCells(t)
	mark := len(t.Rows[0]) - 2 // the last is what the phase is in the story
	// What the table is too wide by is taken from texts, then from what can be missed.
	const leastDid, leastName, leastText = 15, 18, 12
	did, name := t.Column("what was done"), t.Column("phase")
	widths := t.Widths()
	least := t.Width() - max(widths[did]-leastDid, 0) - max(widths[name]-leastName, 0)
	if t.Empty(mark+1) || least > p.Width {
		t.Drop(mark + 1)
	}
	t.Narrow(did, p.Width, leastDid)
	t.Narrow(name, p.Width, leastName)
	t.Narrow(t.Column("share"), p.Width, leastText)
	if t.Width() > p.Width {
		t.Drop(did)
		mark--
	}
	for _, text := range []string{"failed", "phase", "asked"} {
		t.Narrow(t.Column(text), p.Width, leastText)
	}
	if t.Width() > p.Width {
		t.Drop(t.Column("95 % interval"))
		mark--
	}
	t.DimHead()
	for n, phase := range shown {
		t.Paint(n+1, mark, signs[phase.Outcome()].color)
	}
	p.Indented(t, "")
	if folded := len(r.Phases) - len(shown); folded > 0 {
		p.Line("%s", p.Paint(terminal.Dim, format.Plural(folded, "more phase repeats one of these, and passed",
			"more phases repeat these, and passed")))
	}
}

// headline is the share that a phase is about: that of its first claim about one, or of its latest version
// where it claims none.
func headline(phase reports.Phase) (of, asked, seen, interval string) {
	w := phase.Observation.Settled
	show := func(s analysis.Share, subject string, counts analysis.Counts) {
		row := reports.SplitRow{Seen: s, Moved: counts.Moved(subject)}
		if seen = "no data"; s.Of > 0 {
			seen, interval = format.Percent(s.Percent)+" %", row.Interval()
		}
	}
	for _, v := range phase.Verdicts {
		if c := v.Claim; c != nil {
			show(c.Seen, c.Subject, w.Of(c.Cohort))
			return format.Join(" for ", analysis.KindInWords(c.Subject), c.Cohort), c.Asked(), seen, interval
		}
	}
	versions := slices.SortedFunc(maps.Keys(w.Total.Versions), analysis.CompareVersions)
	versions = slices.DeleteFunc(versions, func(s string) bool { return s == "" })
	if len(versions) == 0 {
		if w.Total.Requests == 0 {
			seen = "no data"
		}
		return
	}
	last := versions[len(versions)-1]
	show(analysis.NewShare(w.Total.Versions[last], w.Total.Requests), last, w.Total)
	return last, "", seen, interval
}

// failing is how much of a phase failed once its change had arrived: the most frequent way to fail with its
// share, and how many others there are.
func failing(o analysis.Observation) string {
	c := o.Settled.Total
	if c.Requests == 0 {
		return ""
	}
	keys := slices.SortedFunc(maps.Keys(c.Flags), func(a, b string) int {
		return cmp.Or(c.Flags[b]-c.Flags[a], cmp.Compare(a, b))
	})
	keys = slices.DeleteFunc(keys, func(key string) bool { return !analysis.IsFailure(key) })
	if len(keys) == 0 {
		return "none"
	}
	return fmt.Sprintf("%s %s %%%s", analysis.KindInWords(keys[0]),
		format.Percent(analysis.NewShare(c.Flags[keys[0]], c.Requests).Percent),
		format.When(len(keys) > 1, fmt.Sprintf(" +%d", len(keys)-1)))
}

// briefly is what a phase did, in few words.
func briefly(phase reports.Phase) string {
	if phase.Observation.Start.IsZero() {
		return "never began"
	}
	return phase.Brief()
}
