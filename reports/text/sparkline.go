package text

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// bars are the eighths of a block, the least first.
const bars = "▁▂▃▄▅▆▇█"

// spark draws rates: a full block is top. What is more than nothing has the least bar at least.
func spark(rates []float64, top float64) string {
	levels := []rune(bars)
	var b strings.Builder
	for _, rate := range rates {
		if rate <= 0 || top <= 0 {
			b.WriteByte(' ')
			continue
		}
		level := int(math.Round(rate / top * float64(len(levels))))
		b.WriteRune(levels[min(max(level, 1), len(levels))-1])
	}
	return b.String()
}

// A sparkline is one kind of requests of a Timeline, added up from its series.
type sparkline struct {
	name   string
	failed bool
	series []analysis.Series
	total  int
}

const (
	// sparkVersions and sparkFailures bound the sparklines: what is more is one line together.
	sparkVersions = 3
	sparkFailures = 2
)

// sparklines are the kinds of requests to draw: good answers by version, then failures by flag. Those with the
// most requests have a line of their own.
func sparklines(t *analysis.Timeline) []sparkline {
	var versions, failures []sparkline
	add := func(all []sparkline, name string, failed bool, s analysis.Series) []sparkline {
		i := slices.IndexFunc(all, func(l sparkline) bool { return l.name == name })
		if i < 0 {
			i, all = len(all), append(all, sparkline{name: name, failed: failed})
		}
		all[i].series, all[i].total = append(all[i].series, s), all[i].total+s.Total()
		return all
	}
	for _, s := range t.Series {
		if s.Flag == "" {
			versions = add(versions, analysis.Answerer(s.Version), false, s)
		} else {
			failures = add(failures, analysis.KindInWords(s.Flag), true, s)
		}
	}
	slices.SortStableFunc(failures, func(a, b sparkline) int { return cmp.Compare(b.total, a.total) })
	return append(most(versions, sparkVersions, "others"), most(failures, sparkFailures, "other errors")...)
}

// most keeps up to n lines, the last of which may stand for all others.
func most(all []sparkline, n int, others string) []sparkline {
	if len(all) <= n {
		return all
	}
	rest := sparkline{name: others, failed: all[0].failed}
	for _, l := range all[n-1:] {
		rest.series = append(rest.series, l.series...)
	}
	return append(slices.Clone(all[:n-1]), rest)
}

// rates are a line's requests in a second, in so many columns over the whole Timeline.
func (l sparkline) rates(t *analysis.Timeline, columns int) []float64 {
	out := make([]float64, columns)
	for i := range out {
		// Where there are fewer bins than columns, several columns show the same one.
		from := i * t.Bins / columns
		to := max((i+1)*t.Bins/columns, from+1)
		n := 0
		for _, s := range l.series {
			for bin := from; bin < to; bin++ {
				n += s.At(bin)
			}
		}
		out[i] = float64(n) / (t.Bin() * time.Duration(to-from)).Seconds()
	}
	return out
}

// sparks draws the run: a line for each version and each sort of failure, all to the same scale, and below them
// where each phase begins.
func (p *page) sparks(r *reports.Report) {
	t := r.Timeline
	if t == nil || t.Bins <= 0 || t.Bin() <= 0 {
		return
	}
	lines := sparklines(t)
	if len(lines) == 0 {
		return
	}
	const begins = "phase begins"
	label := terminal.Cells(begins)
	for i := range lines {
		lines[i].name = terminal.Clip(p.Plain(lines[i].name), 24)
		label = max(label, terminal.Cells(lines[i].name))
	}
	columns := p.Width - label - 2
	if t.Bins < columns {
		columns -= columns % t.Bins // so that each bin is as wide as the others
	}
	top := 0.0
	all := make([][]float64, len(lines))
	for i, l := range lines {
		all[i] = l.rates(t, columns)
		top = max(top, slices.Max(all[i]))
	}
	span := t.Bin() * time.Duration(t.Bins)
	// A plan with a shape has no one rate.
	rate := 0.0
	for _, c := range r.Setup.Load.Cohorts {
		if r.Setup.Load.Shape == nil {
			rate += r.Setup.Load.RateOf(c.Name)
		}
	}
	requests := "requests"
	if rate > 0 {
		requests = format.Number(int(math.Round(rate))) + " requests a second"
	}
	p.Line("%s", p.Paint(terminal.Dim, fmt.Sprintf("%s over %s; a full block is %s a second", requests,
		format.Short(span), format.Number(int(math.Round(top))))))
	for i, l := range lines {
		bar := strings.TrimRight(spark(all[i], top), " ")
		p.Line("%s  %s", terminal.Pad(l.name, label), p.Paint(format.When(l.failed, terminal.Red), bar))
	}
	if marks := phaseMarks(r.Phases, t, columns); marks != "" {
		p.Line("%s", p.Paint(terminal.Dim, terminal.Pad(begins, label)+"  "+marks))
	}
}

// phaseMarks has each phase's number where it begins. A number that has no room is left out.
func phaseMarks(phases []reports.Phase, t *analysis.Timeline, columns int) string {
	var b strings.Builder
	free := 0
	for i, phase := range phases {
		o := phase.Observation
		if o.Start.IsZero() {
			continue
		}
		at := int(float64(columns) * float64(o.Start.Sub(t.Start)) / float64(t.Bin()*time.Duration(t.Bins)))
		number := strconv.Itoa(i + 1)
		// The first request may come a moment after the first phase's start.
		if at = max(at, 0); at < free || at+len(number) > columns {
			continue
		}
		b.WriteString(strings.Repeat(" ", at-b.Len()) + number)
		free = at + len(number) + 1
	}
	return b.String()
}
