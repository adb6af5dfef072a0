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
	t := &terminal.Table{Align: "rlllrrrllll"}
	t.Row("", "phase", "what was done", "share", "asked", "seen", "95 % interval", "failed", "how", "", "")
	var shown []reports.Phase
	folded := 0
	for i, phase := range r.Phases {
		if phase.Repeat && phase.Outcome() == reports.Pass {
			folded += phase.Failed().Sum()
			continue
		}
		shown = append(shown, phase)
		subject, claimed, share, bounds := headline(phase)
		mark := ""
		if len(phase.Verdicts) > 0 {
			mark = cmp.Or(signs[phase.Outcome()].mark, "!")
		}
		t.Row(strconv.Itoa(i+1), phase.Name, briefly(phase), subject, claimed, share, bounds,
			failed(phase), how(phase.Observation), mark,
			format.Join(", ", format.When(phase.Breaks, "break"), format.When(phase.Fixes, "fix")))
	}
	p.PlainCells(t)
	mark := p.fit(t)
	t.DimHead()
	for n, phase := range shown {
		t.Paint(n+1, mark, signs[phase.Outcome()].color)
	}
	p.Indented(t, "")
	if more := len(r.Phases) - len(shown); more > 0 {
		p.Line("%s", p.Paint(terminal.Dim, format.Plural(more, "more phase repeats one of these, and passed",
			"more phases repeat these, and passed")+
			format.When(folded > 0, ": "+format.Plural(folded, "failed request", "failed requests"))))
	}
	p.Para("", terminal.Dim, reports.FailedInWords(r))
}

// fit makes the table of phases as wide as the page, and returns the column of its marks. What it is too wide by is
// taken from texts, then from what can be missed. How many failed is never cut.
func (p *page) fit(t *terminal.Table) (mark int) {
	const leastDid, leastName, leastText = 15, 18, 12
	drop := func(column int) {
		if column >= 0 {
			t.Drop(column)
		}
	}
	if how := t.Column("how"); t.Empty(how) {
		drop(how)
	}
	last, behind := len(t.Rows[0])-1, 1 // what the phase is in the story comes behind its mark
	widths := t.Widths()
	did, name := t.Column("what was done"), t.Column("phase")
	least := t.Width() - max(widths[did]-leastDid, 0) - max(widths[name]-leastName, 0)
	if t.Empty(last) || least > p.Width {
		drop(last)
		behind = 0
	}
	t.Narrow(did, p.Width, leastDid)
	t.Narrow(name, p.Width, leastName)
	t.Narrow(t.Column("share"), p.Width, leastText)
	if t.Width() > p.Width {
		drop(did)
	}
	for _, text := range []string{"how", "phase", "asked"} {
		if column := t.Column(text); column >= 0 {
			t.Narrow(column, p.Width, leastText)
		}
	}
	for _, missed := range []string{"95 % interval", "how"} {
		if t.Width() > p.Width {
			drop(t.Column(missed))
		}
	}
	return len(t.Rows[0]) - 1 - behind
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

// failed is how many requests of a phase failed, empty where it had none.
func failed(phase reports.Phase) string {
	o := phase.Observation
	return format.When(o.Transition.Total.Requests+o.Settled.Total.Requests > 0, phase.Failed().String())
}

// how is the most frequent way to fail in a phase, and how many others there are.
func how(o analysis.Observation) string {
	counts := map[string]int{}
	for _, w := range []analysis.Window{o.Transition, o.Settled} {
		for key, n := range w.Total.Flags {
			if analysis.IsFailure(key) {
				counts[key] += n
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	if len(keys) == 0 {
		return ""
	}
	return analysis.KindInWords(keys[0]) + format.When(len(keys) > 1, fmt.Sprintf(" +%d", len(keys)-1))
}

// briefly is what a phase did, in few words.
func briefly(phase reports.Phase) string {
	if phase.Observation.Start.IsZero() {
		return "never began"
	}
	return phase.Brief()
}
