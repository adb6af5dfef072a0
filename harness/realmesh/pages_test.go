package realmesh

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/page"
	"github.com/canarylab/canarylab/reports/trace"
	"github.com/canarylab/canarylab/scenarios"
)

// pages has TestPageCost play: make page-cost.
var pages = flag.Bool("pages", false, "TestPageCost measures what browsers cost a run, and how long a mark takes")

const (
	// pageBlock is how long is measured at a time, and pageCalm how long nothing is before: a browser that starts or
	// ends is not what is asked about.
	pageBlock = 8 * time.Second
	pageCalm  = 3 * time.Second
	// watching is how many browsers have the page open.
	watching = 3
	// markWithin is how long it may take from a request to its mark, at p95.
	markWithin = 300 * time.Millisecond
)

// The audiences of a block. Readers get what browsers get, and draw nothing: what differs then is the lab's. Where
// there are few processors the page draws fewer frames, and lively browsers are told that there are more.
const (
	nobody  = "no browser"
	readers = "3 that only read"
	asIs    = "3 browsers"
	lively  = "3 at 60 frames"
)

// pageBlocks are by turns, so that a machine that gets slower or faster is so for all of them.
var pageBlocks = []string{
	nobody, asIs, asIs, nobody, readers, readers, nobody, lively, lively, nobody,
	nobody, asIs, asIs, nobody, readers, readers, nobody, lively, lively, nobody,
}

// The page costs a run nothing: rate and lag are the same with no browser and with three, and a request is drawn soon.
func TestPageCost(t *testing.T) {
	if !*pages {
		t.Skip("it takes six minutes of an idle machine: make page-cost")
	}
	ctx := t.Context()
	theLab.Open(ctx, t)
	s, err := scenarios.Find("label-mismatch")
	if err != nil {
		t.Fatal(err)
	}
	board := page.NewBoard(judge.Unseen)
	server, err := page.Serve(ctx, page.Options{Board: board})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	m := &pageMeter{board: board, url: server.URL(), marks: map[string][]time.Duration{}}
	rep, err := theLab.Play(ctx, t, s, harness.Options{Tap: m, Pace: m, Rate: s.Rate()})
	if err != nil {
		t.Fatal(err)
	}
	m.print(os.Stderr)
	if got := board.Face().Requests; got != rep.Accounting.Requests {
		t.Errorf("got %d requests on the page, want the report's %d", got, rep.Accounting.Requests)
	}
	rate := func(c pageCost) float64 { return c.rate }
	late := func(c pageCost) float64 { return float64(c.lag(0.99)) }
	for with, of := range map[string]func(pageCost) float64{readers: late, asIs: rate, lively: rate} {
		if a, b := m.figures(nobody, of), m.figures(with, of); !alike(a, b) {
			t.Errorf("%s: got %.6g, and %.6g with none", with, b, a)
		}
	}
	// Whoever draws on the processors that send the load makes some of it wait: as long as a load may that is carried.
	if p99 := median(m.figures(asIs, late)); p99 > float64(analysis.MaxLagP99)/2 {
		t.Errorf("with %s requests are late by %s at p99", asIs, time.Duration(p99))
	}
	if p95 := quantileOf(m.marks[asIs], 0.95); p95 > markWithin || p95 == 0 {
		t.Errorf("from a request to its mark it took %s at p95, want %s", p95, markWithin)
	}
}

// A pageMeter is the Tap and the Pace of a run: it shows the board each line, keeps the samples, and plays the blocks
// while the first phase goes on.
type pageMeter struct {
	board  *page.Board
	url    string
	blocks []pageCost
	// marks has, by audience, how long each request took to its mark in each browser.
	marks map[string][]time.Duration

	mu      sync.Mutex
	samples []loadgen.Sample
}

// A pageCost is what was seen in a block.
type pageCost struct {
	audience string
	rate     float64
	lags     []time.Duration
	// lab and browsers are the processor time that they took, in processors.
	lab, browsers float64
}

func (c pageCost) lag(p float64) time.Duration { return quantileOf(c.lags, p) }

// quantileOf is a quantile of sorted durations.
func quantileOf(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return all[min(int(p*float64(len(all))), len(all)-1)]
}

// Line implements harness.Tap.
func (m *pageMeter) Line(l trace.Line) {
	m.board.Line(l)
	if l.Sample != nil {
		m.mu.Lock()
		m.samples = append(m.samples, *l.Sample)
		m.mu.Unlock()
	}
}

// sent are the samples that were sent in a time.
func (m *pageMeter) sent(from, to time.Time) (all []loadgen.Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.samples {
		if !s.Sent.Before(from) && s.Sent.Before(to) {
			all = append(all, s)
		}
	}
	return all
}

// Next implements harness.Pace.
func (m *pageMeter) Next(ctx context.Context, at harness.Playing) (harness.Move, error) {
	select {
	case <-at.Ready:
	case <-ctx.Done():
		return harness.Move{}, ctx.Err()
	}
	a := &audience{url: m.url}
	defer func() { a.leave() }()
	for i, who := range pageBlocks {
		if i == 0 || who != pageBlocks[i-1] {
			a.leave()
			if who != nobody {
				if err := a.come(ctx, who); err != nil {
					return harness.Move{}, err
				}
			}
		}
		if err := sleep(ctx, pageCalm); err != nil {
			return harness.Move{}, err
		}
		c, from, to, err := m.block(ctx, who)
		if err != nil {
			return harness.Move{}, err
		}
		m.blocks = append(m.blocks, c)
		if i+1 < len(pageBlocks) && pageBlocks[i+1] == who || who == nobody {
			continue
		}
		for _, tab := range a.tabs {
			took, err := m.marked(tab, from, to)
			if err != nil {
				return harness.Move{}, err
			}
			m.marks[who] = append(m.marks[who], took...)
		}
	}
	return harness.Move{Finish: true}, nil
}

// sleep is what is measured, or what is between two measurements.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// block measures for a while.
func (m *pageMeter) block(ctx context.Context, who string) (c pageCost, from, to time.Time, err error) {
	labBefore, browsersBefore := processorTime()
	from = time.Now()
	if err := sleep(ctx, pageBlock); err != nil {
		return c, from, to, err
	}
	to = time.Now()
	lab, browsers := processorTime()
	if err := sleep(ctx, time.Second); err != nil { // what was sent is known by then
		return c, from, to, err
	}
	took := to.Sub(from).Seconds()
	c = pageCost{
		audience: who, lab: (lab - labBefore).Seconds() / took, browsers: (browsers - browsersBefore).Seconds() / took,
	}
	all := m.sent(from, to)
	for _, s := range all {
		c.lags = append(c.lags, s.Sent.Sub(s.Due))
	}
	slices.Sort(c.lags)
	c.rate = float64(len(all)) / took
	return c, from, to, nil
}

// marked tells how long the requests that were sent in a time took until a browser had drawn them, by the clock that
// both have: the n-th request that was sent is the n-th that is drawn. When a frame began is known to a millisecond.
func (m *pageMeter) marked(tab context.Context, from, to time.Time) (took []time.Duration, err error) {
	drawn, err := chromedp.Run(tab, chromedp.Evaluate[[][2]float64](`drawnAt`))
	if err != nil {
		return nil, fmt.Errorf("ask a page for its frames: %w", err)
	}
	first, err := chromedp.Run(tab, chromedp.Evaluate[float64](`canarylab.drawn().from`))
	if err != nil {
		return nil, fmt.Errorf("ask a page what it has drawn: %w", err)
	}
	all := m.sent(time.UnixMilli(int64(first)), to)
	slices.SortFunc(all, func(a, b loadgen.Sample) int { return a.Sent.Compare(b.Sent) })
	frame := 0
	for n, s := range all {
		if s.Sent.Before(from) {
			continue
		}
		for frame < len(drawn) && drawn[frame][1] <= float64(n) {
			frame++
		}
		if frame == len(drawn) {
			return nil, errors.New("a page has not drawn all requests")
		}
		took = append(took, time.UnixMilli(int64(drawn[frame][0])).Sub(s.Sent))
	}
	return took, nil
}

// figures are those of the blocks of an audience.
func (m *pageMeter) figures(audience string, of func(pageCost) float64) (all []float64) {
	for _, c := range m.blocks {
		if c.audience == audience {
			all = append(all, of(c))
		}
	}
	slices.Sort(all)
	return all
}

// alike tells whether the median of one group lies within the spread of the other.
func alike(a, b []float64) bool {
	within := func(x float64, in []float64) bool { return x >= in[0] && x <= in[len(in)-1] }
	return within(median(a), b) || within(median(b), a)
}

// median is that of sorted figures.
func median(all []float64) float64 {
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// print prints the blocks side by side.
func (m *pageMeter) print(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nmedians of the blocks (least – most); a second, milliseconds, and processors")
	fmt.Fprintln(table, "audience\trate\tlag p50\tlag p99\tlab\tbrowsers")
	ms := func(p float64) func(pageCost) float64 {
		return func(c pageCost) float64 { return c.lag(p).Seconds() * 1000 }
	}
	for _, who := range []string{nobody, readers, asIs, lively} {
		fmt.Fprint(table, who)
		for _, column := range []struct {
			format string
			of     func(pageCost) float64
		}{
			{"%.1f", func(c pageCost) float64 { return c.rate }}, {"%.2f", ms(0.5)}, {"%.2f", ms(0.99)},
			{"%.3f", func(c pageCost) float64 { return c.lab }},
			{"%.3f", func(c pageCost) float64 { return c.browsers }},
		} {
			all := m.figures(who, column.of)
			fmt.Fprintf(table, "\t"+strings.ReplaceAll("% (% – %)", "%", column.format), median(all), all[0],
				all[len(all)-1])
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush()
	for _, who := range []string{asIs, lively} {
		took := m.marks[who]
		slices.Sort(took)
		fmt.Fprintf(w, "%s: from a request to its mark %s at p50, %s at p95, %s at most\n", who,
			quantileOf(took, 0.5).Round(time.Millisecond), quantileOf(took, 0.95).Round(time.Millisecond),
			quantileOf(took, 1).Round(time.Millisecond))
	}
}
