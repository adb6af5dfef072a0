package html

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

const (
	// maxColumns bounds what is drawn of a timeline. Bins are added up until there are no more; exact numbers
	// are in the tables.
	maxColumns = 1200
	// maxKinds bounds how many kinds of requests are told apart in a chart. The rarest others are one kind.
	maxKinds = 12
	// leastRequests is how many requests a column has on average at least, unless there are less than
	// leastColumns then.
	leastRequests = 5
	leastColumns  = 15
	// leastFailure is how high a failure is drawn at least, in pixels: one among thousands is to be seen.
	leastFailure = 2.0
)

// A stack is a chart of a Timeline: columns of requests, by kind.
//
// It is as wide as the page lets it: what is across is in percent, what is up is in pixels, so that text keeps
// its size.
type stack struct {
	// From and To bound it; Column is the width of one column.
	From, To time.Time
	Column   time.Duration
	Height   int
	Kinds    []stackKind
	YTicks   []tick
	XTicks   []tick
	// Data is for the script: what each column has.
	Data string
	Max  int
}

// A stackKind is one layer of a stack.
type stackKind struct {
	Name, Class string
	Failure     bool
	// Meaning explains a failure's flag in a few words.
	Meaning string
	Total   int
	counts  []int
	// Rects are the columns, made of numbers alone.
	Rects template.HTML
}

// A tick is one label of an axis: At is in percent across or in pixels from the top.
type tick struct{ At, Text, Class string }

// newStack draws the part of t from a moment to another, nil where there is nothing in it. zero is what the
// times at the axis are counted from; there are as many labels or so.
func newStack(t *analysis.Timeline, from, to, zero time.Time, height, labels int, p *palette) *stack {
	bin := t.Bin()
	if bin <= 0 || t.Bins <= 0 || !from.Before(to) {
		return nil
	}
	first := min(max(int(math.Floor(float64(from.Sub(t.Start))/float64(bin))), 0), t.Bins)
	last := min(max(int(math.Ceil(float64(to.Sub(t.Start))/float64(bin))), first), t.Bins)
	if last == first {
		return nil
	}
	total := 0
	for _, series := range t.Series {
		for b := first; b < last; b++ {
			total += series.At(b)
		}
	}
	if total == 0 {
		return nil
	}
	// A column of three or four requests is a comb and no shape.
	each := nice(max(
		(last-first+maxColumns-1)/maxColumns,
		min((leastRequests*(last-first)+total-1)/total, (last-first)/leastColumns),
	))
	columns := (last - first + each - 1) / each
	last = min(first+columns*each, t.Bins) // a last column that is cut looks like a dip
	s := &stack{
		From: t.Start.Add(time.Duration(first) * bin), Column: time.Duration(each) * bin, Height: height,
	}
	s.To = s.From.Add(time.Duration(columns) * s.Column)
	for _, series := range t.Series {
		k := stackKind{
			Name: series.Kind(), Class: p.series(series), Failure: series.Flag != "", Meaning: p.causes[series.Flag],
			counts: make([]int, columns),
		}
		for c := range k.counts {
			for b := first + c*each; b < min(first+(c+1)*each, last); b++ {
				k.counts[c] += series.At(b)
			}
			k.Total += k.counts[c]
		}
		if k.Total > 0 {
			s.Kinds = append(s.Kinds, k)
		}
	}
	s.merge()
	sums := make([]int, columns)
	for _, k := range s.Kinds {
		for c, n := range k.counts {
			sums[c] += n
		}
	}
	s.Max = slices.Max(sums)
	s.draw(columns)
	s.ticks(zero, labels)
	s.data(zero)
	return s
}

// merge leaves maxKinds kinds: failures above good answers, the most frequent failures first.
func (s *stack) merge() {
	// A failure's class says how frequent it is. Good answers come before all and keep their order.
	rank := func(k stackKind) string { return format.When(k.Failure, k.Class) }
	slices.SortStableFunc(s.Kinds, func(a, b stackKind) int { return strings.Compare(rank(a), rank(b)) })
	for len(s.Kinds) > maxKinds {
		a, b := &s.Kinds[len(s.Kinds)-2], s.Kinds[len(s.Kinds)-1]
		for c, n := range b.counts {
			a.counts[c] += n
		}
		a.Name, a.Meaning, a.Total, a.Failure = "others", "", a.Total+b.Total, a.Failure || b.Failure
		s.Kinds = s.Kinds[:len(s.Kinds)-1]
	}
}

// draw makes the columns. Neighbors of the same height are one rectangle.
func (s *stack) draw(columns int) {
	_, top := ticksUpTo(float64(s.Max), yLabels)
	scale := float64(s.Height) / top
	base := make([]float64, columns)
	for i := range s.Kinds {
		k := &s.Kinds[i]
		var b strings.Builder
		for c := 0; c < columns; {
			h := s.heightOf(k, c, scale)
			run := c + 1
			for run < columns && s.heightOf(k, run, scale) == h && base[run] == base[c] {
				run++
			}
			if h > 0 {
				y := max(float64(s.Height)-base[c]-h, 0)
				from, to := across(c, columns), across(run, columns)
				fmt.Fprintf(&b, `<rect x="%s%%" y="%s" width="%s%%" height="%s"/>`, number(from, 3), number(y, 1),
					number(to-from+seam, 3), number(h, 1))
			}
			for ; c < run; c++ {
				base[c] += h
			}
		}
		k.Rects = template.HTML(b.String()) // #nosec G203 -- numbers alone
	}
}

// seam is by how much columns overlap, in percent: where they only touch, a browser may leave a gap when it
// rounds to pixels.
const seam = 0.004

// across is where a column begins, in percent.
func across(column, columns int) float64 {
	return math.Round(1e5*float64(column)/float64(columns)) / 1e3
}

func (s *stack) heightOf(k *stackKind, column int, scale float64) float64 {
	n := k.counts[column]
	h := float64(n) * scale
	if k.Failure && n > 0 {
		h = max(h, leastFailure)
	}
	return math.Round(h*10) / 10
}

// yLabels is how many labels the axis of requests has, or so.
const yLabels = 4

func (s *stack) ticks(zero time.Time, labels int) {
	step, top := ticksUpTo(float64(s.Max), yLabels)
	for v := 0.0; v <= top+step/2; v += step {
		up := number(float64(s.Height)*(1-v/top), 1)
		s.YTicks = append(s.YTicks, tick{At: up, Text: format.Number(int(math.Round(v)))})
	}
	s.XTicks = timeTicks(s.From, s.To, zero, labels)
}

// timeTicks label a time axis with at most n labels or so.
func timeTicks(from, to, zero time.Time, n int) (all []tick) {
	width := to.Sub(from)
	step := niceDuration(width / time.Duration(n))
	first := from.Sub(zero)
	for at := (first / step) * step; at <= to.Sub(zero); at += step {
		x := 100 * float64(at-first) / float64(width)
		if x < 0 || x > 100 {
			continue
		}
		class := format.When(x < 4, "first") + format.When(x > 96, "last")
		all = append(all, tick{number(x, 2), clock(at, step), class})
	}
	return all
}

// clock prints a time at an axis, as fine as its step.
func clock(d, step time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case step < 500*time.Millisecond && d.Abs() < 10*time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case step < time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d.Abs() < time.Minute && step < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 0, 64) + " s"
	}
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	return fmt.Sprintf("%s%d:%02d", sign, int(d.Minutes()), int(d.Seconds())%60)
}

// stackData is what the script shows of the column below the pointer.
type stackData struct {
	// From is the first column's time after zero, Width that of a column, in milliseconds.
	From  float64  `json:"from"`
	Width float64  `json:"width"`
	Names []string `json:"names"`
	// Classes are of the swatches. Counts are by kind.
	Classes []string `json:"classes"`
	Counts  [][]int  `json:"counts"`
}

func (s *stack) data(zero time.Time) {
	d := stackData{From: format.Milliseconds(s.From.Sub(zero)), Width: format.Milliseconds(s.Column)}
	for _, k := range s.Kinds {
		d.Names, d.Classes, d.Counts = append(d.Names, k.Name), append(d.Classes, k.Class), append(d.Counts, k.counts)
	}
	b, err := json.Marshal(d)
	if err != nil {
		return // numbers and text always marshal
	}
	s.Data = string(b)
}

// Per is the width of a column, in words.
func (s *stack) Per() string {
	if s.Column < time.Second {
		return number(format.Milliseconds(s.Column), 3) + " ms"
	}
	return number(s.Column.Seconds(), 3) + " s"
}

// fails tells that a request failed.
func (s *stack) fails() bool {
	return slices.ContainsFunc(s.Kinds, func(k stackKind) bool { return k.Failure })
}

// at is a moment's place across, in percent.
func (s *stack) at(t time.Time) float64 {
	return 100 * float64(t.Sub(s.From)) / float64(s.To.Sub(s.From))
}

// nice is the next of 1, 2, 5, 10, 20, 50 and so on.
func nice(n int) int {
	for scale := 1; ; scale *= 10 {
		for _, m := range []int{1, 2, 5} {
			if m*scale >= n {
				return m * scale
			}
		}
	}
}

// niceDuration is the next round duration.
func niceDuration(d time.Duration) time.Duration {
	const second, minute = 1000, 60 * 1000
	for _, ms := range []time.Duration{
		1, 2, 5, 10, 20, 50, 100, 200, 500, second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second,
		minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
	} {
		if step := ms * time.Millisecond; step >= d {
			return step
		}
	}
	return max(d.Round(time.Hour), time.Hour)
}

// ticksUpTo is a round step that has at most n of them from 0 to a top that is not below most.
func ticksUpTo(most float64, n int) (step, top float64) {
	if !(most > 0) {
		return 1, 1
	}
	scale := math.Pow(10, math.Floor(math.Log10(most/float64(n))))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		step = max(m*scale, 1)
		if step == math.Trunc(step) && step*float64(n) >= most {
			break
		}
	}
	return step, step * math.Ceil(most/step-1e-9)
}

// number prints f with so many digits after the point at most.
func number(f float64, digits int) string {
	p := math.Pow(10, float64(digits))
	return strconv.FormatFloat(math.Round(f*p)/p, 'f', -1, 64)
}
