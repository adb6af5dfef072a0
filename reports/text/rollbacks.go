package text

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// costs compares what the phases of a run cost in which requests failed for longer than a change takes to arrive. How
// long they lasted, and how many failed in a minute, is of their settled parts.
func (p *page) costs(phases []reports.Phase) {
	t := &terminal.Table{Left: 2}
	t.Row("phase", "answered by", "lasted", "failed", "in a minute")
	for _, phase := range phases {
		w := phase.Observation.Settled
		failed := w.Total.Failed.Count
		if failed == 0 || w.Took() <= 0 || phase.Repeat {
			continue
		}
		var shares []string
		for _, version := range slices.SortedFunc(maps.Keys(w.Total.Versions), analysis.CompareVersions) {
			if version != "" {
				share := analysis.NewShare(w.Total.Versions[version], w.Total.Requests)
				shares = append(shares, fmt.Sprintf("%s %.0f %%", version, share.Percent))
			}
		}
		t.Row(phase.Name, strings.Join(shares, ", "), format.Short(w.Took()), phase.Failed().String(),
			format.Number(int(math.Round(float64(failed)/w.Took().Minutes()))))
	}
	if len(t.Rows) < 3 {
		return
	}
	p.Section("what it cost")
	p.Table(t)
}

// rollbacks compares the rollbacks of a run that has several: each by itself, or each method by its median
// where it was used more than once.
func (p *page) rollbacks(phases []reports.Phase) {
	methods, n := reports.RollbackMethods(phases)
	if n < 2 {
		return
	}
	p.Section("rollbacks")
	if n >= 3*len(methods) {
		p.Table(p.medians(methods, func(m reports.RollbackMethod) string { return m.Method }))
		return
	}
	t := &terminal.Table{Left: 2}
	t.Row("phase", "rollback method", "last affected", "99 % bracket", "drained", "failed", "canary's")
	for _, phase := range phases {
		r := phase.Observation.Rollback
		if r == nil {
			continue
		}
		last, bracket := "nothing to time", ""
		if r.Known() {
			last, bracket = format.Short(r.Route), cmp.Or(r.Bracket(), "open")
		}
		t.Row(phase.Name, terminal.Clip(r.Method, p.Width-61), last, bracket, format.Short(r.Drain),
			format.Number(r.Failed), format.Number(r.Canaries))
	}
	p.Table(t)
}

// medians has a line for each rollback method: the median and the range of its times and costs. A method that
// was not effective has no time: affected requests went on to the end of the phase. name says a method in the
// words of the page.
func (p *page) medians(methods []reports.RollbackMethod, name func(reports.RollbackMethod) string) *terminal.Table {
	t := &terminal.Table{Left: 1}
	t.Row("rollback method", "times", "effective", "last affected", "range", "failed", "range", "canary's", "range")
	for _, m := range methods {
		route := m.Routes()
		last, span := "never", ""
		if len(route) > 0 {
			last, span = spread(route, format.Short)
		}
		f, fs := spread(m.Failed(), format.Number)
		c, cs := spread(m.Canaries(), format.Number)
		t.Row(terminal.Clip(name(m), p.Width-75), strconv.Itoa(len(m.Rollbacks)), strconv.Itoa(len(route)), last, span,
			f, fs, c, cs)
	}
	return t
}

// spread is the median of at least one, and the range.
func spread[T cmp.Ordered](all []T, show func(T) string) (median, span string) {
	low, middle, high := analysis.Spread(all)
	return show(middle), format.Range(show(low), show(high))
}

// rollbackRows prints the rollbacks, a row each, or where they are many a row for each rollback method.
func (p *page) rollbackRows(phases []reports.Phase) {
	methods, n := reports.RollbackMethods(phases)
	if n == 0 {
		return
	}
	canary := methods[0].Rollbacks[0].Canary
	p.Para("rollback: ", terminal.Dim, "from the accepted write to the last request sent that failed"+
		format.When(canary != "", " or that "+canary+" answered"))
	if n > storyRollbacks {
		t := p.medians(methods, func(m reports.RollbackMethod) string { return m.Brief })
		for _, column := range []int{8, 6, 1} { // ranges, and how often each method was used
			if t.Width() > p.Width {
				t.Drop(column)
			}
		}
		t.Narrow(0, p.Width, 8)
		t.DimHead()
		p.Indented(t, "")
		return
	}
	t := &terminal.Table{Align: "rlrlrrl"}
	t.Row("", "phase", "last", "99 % bracket", "failed", format.When(canary != "", "by "+canary), "method")
	for i, phase := range phases {
		r := phase.Observation.Rollback
		if r == nil {
			continue
		}
		last, bracket := "nothing to time", ""
		if r.Known() {
			last, bracket = format.Short(r.Route), bracketed(r)
		}
		t.Row(strconv.Itoa(i+1), phase.Name, last, bracket, format.Number(r.Failed),
			format.When(canary != "", format.Number(r.Canaries)), phase.RollbackBrief())
	}
	for _, column := range []int{6, 1, 3} {
		t.Narrow(column, p.Width, 12)
	}
	t.DropEmpty()
	t.DimHead()
	p.Indented(t, "")
}

// bracketed is the bracket in a row, or why there is none.
func bracketed(r *analysis.Rollback) string {
	switch {
	case r.High == 0:
		return "open: too few followed"
	case !r.Recovered():
		return r.Bracket() + ", not over"
	}
	return r.Bracket()
}
