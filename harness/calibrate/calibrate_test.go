package calibrate

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// full asks for the whole calibration, which asserts its numbers. It needs a machine that does nothing else.
var full = flag.Bool("calibrate", false,
	"run the whole calibration (make calibrate) and hold it against the issue's numbers")

// coverage is what a bracket promises.
const coverage = 0.99

// A trial is one rollback of one cell.
type trial struct {
	cell cell
	// truth is the moment of the last switch since the write was accepted. last is that of the canary's last request,
	// since the write's answer.
	truth, last time.Duration
	got         analysis.Rollback
}

func (x trial) open() bool { return !x.got.Known() || x.got.High == 0 }

func (x trial) covered() bool { return x.truth >= x.got.Low && x.truth <= x.got.High }

// off returns how far the last affected request is from the truth.
func (x trial) off() time.Duration { return (x.truth - x.got.Route).Abs() }

// trials rolls all cells back together, n times, each time at other moments.
func trials(t *testing.T, seed uint64, n int, before, after time.Duration, cells ...cell) []trial {
	t.Helper()
	w := newTruth(t, seed, cells...)
	r := record(t, w, cells...)
	random := rand.New(rand.NewPCG(seed, 99))
	truths, lasts := map[string][]time.Duration{}, map[string][]time.Duration{}
	for i := range n {
		name := fmt.Sprintf("canary %d", i)
		r.phase(name)
		// Requests in flight belong to the phase before.
		time.Sleep(20 * time.Millisecond)
		for _, c := range cells {
			w.set(c.name(), func(r *rule) { r.reset(time.Now().Add(time.Hour)) })
		}
		r.event(trace.Event{Kind: trace.Settled, Phase: name})
		// Time must pass here, because the load is sent in it.
		time.Sleep(before)
		name = fmt.Sprintf("back %d", i)
		r.phase(name)
		writing := r.event(trace.Event{Kind: trace.Writing, Phase: name})
		r.event(trace.Event{At: writing, Kind: trace.Written, Phase: name})
		latest := writing
		for _, c := range cells {
			accepted := writing.Add(time.Duration(random.Float64() * float64(c.write)))
			first := accepted.Add(time.Duration(5e6 + random.Float64()*95e6))
			last := first
			w.set(c.name(), func(r *rule) { last = r.leave(random, first, c.spread) })
			truths[c.name()] = append(truths[c.name()], last.Sub(accepted))
			if last.After(latest) {
				latest = last
			}
		}
		time.Sleep(time.Until(latest))
		r.event(trace.Event{Kind: trace.Settled, Phase: name})
		time.Sleep(time.Until(writing.Add(after)))
		for _, c := range cells {
			lasts[c.name()] = append(lasts[c.name()], w.last(c.name()).Sub(writing)-c.write)
		}
	}
	r.stop()
	var all []trial
	for _, c := range cells {
		for i, got := range rollbacks(t, r, c) {
			all = append(all, trial{c, truths[c.name()][i], lasts[c.name()][i], got})
		}
	}
	whole := r.analyze(nil, func(string) bool { return false })
	for _, p := range whole.Accounting.Problems {
		// A machine that is too busy is not an error of what was measured. The table says how busy it was.
		if !p.Void {
			t.Errorf("the books: %s", p)
		} else {
			t.Log(p)
		}
	}
	return all
}

// rollbacks returns a cell's, in their order, and holds its counts against the truth's.
func rollbacks(t *testing.T, r *recording, c cell) (all []analysis.Rollback) {
	t.Helper()
	a := r.analyze(&c, func(phase string) bool { return strings.HasPrefix(phase, "back") })
	got := map[string]int{}
	for _, o := range a.Observations {
		for _, win := range []analysis.Window{o.Settled, o.Transition} {
			for v, n := range win.Total.Versions {
				got[v] += n
			}
			got["503"] += win.Total.Codes[503]
		}
		if o.Rollback != nil {
			all = append(all, *o.Rollback)
		}
	}
	// Requests outside of all phases are a handful at the ends; inside, the report's counts are the truth's.
	want := r.truth.counts(c.name())
	if c.broken {
		got["v2"] = 0
	}
	if off := want["v1"] + want["v2"] +
		want["503"] - got["v1"] - got["v2"] - got["503"]; off != a.Accounting.Outside {
		t.Errorf("%s: got %v, want %v and %d outside of phases", c.name(), got, want, a.Accounting.Outside)
	}
	return all
}

// The rollbacks of the calibration: one switch, over rates and shares; the switches of several proxies, and pods that
// leave one by one, over up to half a second, and writes that take long; and the same over two seconds, which takes
// longer phases.
var (
	oneSwitch = []cell{
		{rate: 50, share: 1}, {rate: 50, share: 0.5, broken: true}, {rate: 100, share: 1, broken: true},
		{rate: 100, share: 0.5},
		{rate: 100, share: 0.25}, {rate: 100, share: 0.25, broken: true}, {rate: 200, share: 1},
		{rate: 200, share: 0.5, broken: true},
		{rate: 200, share: 0.25}, {rate: 200, share: 0.1}, {rate: 200, share: 0.1, broken: true},
		{rate: 300, share: 0.5},
		{rate: 300, share: 0.25, broken: true}, {rate: 300, share: 0.1}, {rate: 300, share: 0.05},
		{rate: 300, share: 0.05, broken: true},
	}
	manySwitches = []cell{
		{rate: 100, share: 0.5, proxies: 2, spread: 50 * ms},
		{rate: 200, share: 0.25, proxies: 2, spread: 200 * ms},
		{rate: 200, share: 0.25, proxies: 2, spread: 500 * ms, broken: true},
		{rate: 200, share: 0.5, proxies: 4, spread: 50 * ms},
		{rate: 200, share: 0.5, proxies: 4, spread: 200 * ms},
		{rate: 300, share: 0.25, proxies: 4, spread: 500 * ms, broken: true},
		{rate: 250, share: 0.75, proxies: 16, spread: 50 * ms},
		{rate: 250, share: 0.75, proxies: 16, spread: 200 * ms},
		{rate: 250, share: 1, proxies: 16, spread: 500 * ms},
		{rate: 200, share: 0.5, pods: 2, spread: 200 * ms},
		{rate: 200, share: 0.5, pods: 4, spread: 500 * ms},
		{rate: 200, share: 0.5, proxies: 2, pods: 2, spread: 500 * ms},
		{rate: 200, share: 0.5, write: ms},
		{rate: 100, share: 0.5, write: 20 * ms},
		{rate: 100, share: 0.5, write: 200 * ms},
		{rate: 200, share: 0.5, proxies: 4, spread: 200 * ms, write: 200 * ms},
	}
	slowSwitches = []cell{
		{rate: 100, share: 0.5, proxies: 2, spread: 2000 * ms},
		{rate: 200, share: 0.25, proxies: 2, spread: 2000 * ms},
		{rate: 200, share: 1, proxies: 2, spread: 2000 * ms, broken: true},
		{rate: 300, share: 0.1, proxies: 2, spread: 2000 * ms},
		{rate: 200, share: 0.5, proxies: 4, spread: 2000 * ms},
		{rate: 300, share: 0.25, proxies: 4, spread: 2000 * ms},
		{rate: 200, share: 0.5, proxies: 4, spread: 2000 * ms, broken: true},
		{rate: 200, share: 1, proxies: 4, spread: 2000 * ms},
		{rate: 250, share: 0.75, proxies: 16, spread: 2000 * ms},
		{rate: 250, share: 1, proxies: 16, spread: 2000 * ms},
		{rate: 250, share: 0.75, proxies: 16, spread: 2000 * ms, broken: true},
		{rate: 200, share: 0.5, pods: 2, spread: 2000 * ms},
		{rate: 200, share: 0.5, pods: 4, spread: 2000 * ms},
		{rate: 200, share: 0.5, proxies: 2, pods: 2, spread: 2000 * ms},
		{rate: 200, share: 0.5, proxies: 4, spread: 2000 * ms, write: 200 * ms},
		{rate: 100, share: 1, write: 50 * ms},
	}
)

const ms = time.Millisecond

// The bracket has the true switch in it, over rates and shares; the last affected request is where it must be.
func TestCalibrateRollback(t *testing.T) {
	cells, n := oneSwitch, 25
	if !*full {
		n, cells = 4, []cell{
			{rate: 50, share: 1}, {rate: 100, share: 0.5}, {rate: 200, share: 0.25, broken: true},
			{rate: 400, share: 0.1},
		}
	}
	all := trials(t, 1, n, time.Second, 1500*ms, cells...)
	judge(t, all, n*len(cells), func(c cell) string { return fmt.Sprintf("%3d/s %3g %%", c.rate, 100*c.share) })
}

// The bracket has the last switch in it where there are many: of several callers' proxies, and of pods that leave one
// by one; and whatever part of it a slow write is.
func TestCalibrateSwitches(t *testing.T) {
	if !*full {
		all := trials(t, 6, 2, time.Second, 1200*ms, manySwitches[4], manySwitches[10], manySwitches[14])
		judge(t, all, 6, cell.row)
		return
	}
	all := trials(t, 6, 90, 1500*ms, 1500*ms, manySwitches...)
	all = append(all, trials(t, 7, 35, 1500*ms, 3000*ms, slowSwitches...)...)
	judge(t, all, 2000, cell.row)
}

// judge prints the trials, those of one row together, and holds the brackets against what they promise. want is how
// many trials there have to be.
func judge(t *testing.T, all []trial, want int, row func(cell) string) {
	t.Helper()
	slices.SortStableFunc(all, func(a, b trial) int { return strings.Compare(row(a.cell), row(b.cell)) })
	table := newTable("rollback", "trials", "off p50", "off p99", "bracket p50", "open", "missed", "holds")
	missed, closed := 0, 0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && row(all[j].cell) == row(all[i].cell) {
			j++
		}
		var offs, widths []time.Duration
		open, bad := 0, 0
		for _, x := range all[i:j] {
			if x.open() {
				open++
				continue
			}
			offs, widths = append(offs, x.off()), append(widths, x.got.High-x.got.Low)
			if !x.covered() {
				bad++
				t.Logf("missed: %s switched at %s, got %s to %s", x.cell.name(), x.truth, x.got.Low, x.got.High)
			}
		}
		missed, closed = missed+bad, closed+len(offs)
		table.row(row(all[i].cell), j-i, at(offs, 50), at(offs, 99), at(widths, 50), open, bad,
			percent(len(offs)-bad, len(offs)))
		i = j
	}
	t.Logf("rollback, %d trials of which %d have a bracket; the bracket has the truth in it in %s\n%s", len(all),
		closed, analysis.NewShare(closed-missed, closed), table)
	if closed < len(all)*9/10 {
		t.Errorf("only %d of %d trials have a bracket", closed, len(all))
	}
	// If each has a probability of 1 %, so many misses or more come up by chance once in a million times.
	if limit := int(distuv.Binomial{N: float64(closed), P: 1 - coverage}.Mean()); missed > limit && chance(
		missed, closed, 1-coverage,
	) < 1e-6 {
		t.Errorf("%d of %d brackets missed the truth: the promise of %g %% does not hold", missed, closed, 100*coverage)
	}
	if *full && (len(all) < want || float64(missed) > float64(closed)*(1-coverage)) {
		t.Errorf("%d of %d brackets missed the truth, want %d trials and 1 %% at most", missed, closed, want)
	}
}

// percent is a share with its interval, for a table.
func percent(count, of int) string {
	s := analysis.NewShare(count, of)
	return fmt.Sprintf("%.1f %% (%.1f to %.1f)", s.Percent, s.Low, s.High)
}

// chance returns the probability of k or more of n.
func chance(k, n int, p float64) float64 {
	return 1 - distuv.Binomial{N: float64(n), P: p}.CDF(float64(k-1))
}

// From 100 % canary at 1,000 requests a second, the guess at the switch is off by 1 ms at most.
//
// Requests come 1 ms apart, so that the canary's last one was decided on up to 1 ms before the switch: that alone is
// 0.99 ms at p99, whatever is measured how well. The middle of the gap halves it. Before a request is decided on, it is
// under way: from the caller's clock reading through both processes' schedulers and a socket. That second part is
// printed beside the first, as it is the measurement's own.
func TestCalibrateResolution(t *testing.T) {
	n := 10
	if *full {
		n = 200
	}
	all := trials(t, 2, n, 250*ms, 250*ms, cell{rate: 1000, share: 1})
	var guesses, offs, ways, widths []time.Duration
	missed, open := 0, 0
	for _, x := range all {
		if x.open() {
			open++
			continue
		}
		offs, widths = append(offs, x.off()), append(widths, x.got.High-x.got.Low)
		guesses, ways = append(guesses, (x.truth-x.got.Switch).Abs()), append(ways, (x.last-x.got.Route).Abs())
		if !x.covered() {
			missed++
		}
	}
	t.Logf("1,000 requests a second from 100 %% canary, %d trials: the switch is guessed to %s at p50, %s at p99, "+
		"%s at most; the last affected request was sent before it by %s at p50, %s at p99; of that, its way to the "+
		"proxy is %s at p50, %s at p99; bracket of %s at p50; %d missed, %d open",
		n, at(guesses, 50), at(guesses, 99), at(guesses, 100), at(offs, 50), at(offs, 99), at(ways, 50), at(ways, 99),
		at(widths, 50), missed, open)
	// A machine that stands still for a quarter of a second leaves nothing to time.
	if open > n/5 || *full && open > 0 {
		t.Errorf("%d of %d trials have no bracket", open, n)
	}
	if *full && (at(guesses, 99) > ms || at(offs, 99) > 2*ms || at(ways, 99) > ms) {
		t.Errorf("at p99 the switch is guessed to %s, want 1 ms at most; the last affected request was sent before it "+
			"by %s, want 2 ms at most; %s of it by the way to the proxy, want 1 ms at most",
			at(guesses, 99), at(offs, 99), at(ways, 99))
	}
	if chance(missed, n-open, 1-coverage) < 1e-6 {
		t.Errorf("%d of %d brackets missed the truth", missed, n)
	}
}

// Without a switch none is seen: neither without a canary, nor with one that stays.
func TestCalibrateNull(t *testing.T) {
	n := 5
	if *full {
		n = 40
	}
	cells := []cell{{rate: 200, share: 0}, {rate: 200, share: 0.1}, {rate: 200, share: 1}}
	w := newTruth(t, 3, cells...)
	for _, c := range cells {
		w.set(c.name(), func(r *rule) { r.reset(time.Now().Add(time.Hour)) })
	}
	r := record(t, w, cells...)
	for i := range n {
		name := fmt.Sprintf("canary %d", i)
		r.phase(name)
		r.event(trace.Event{Kind: trace.Settled, Phase: name})
		time.Sleep(500 * time.Millisecond)
		name = fmt.Sprintf("back %d", i)
		r.phase(name)
		r.event(trace.Event{Kind: trace.Writing, Phase: name})
		r.event(trace.Event{Kind: trace.Written, Phase: name})
		r.event(trace.Event{Kind: trace.Settled, Phase: name})
		time.Sleep(500 * time.Millisecond)
	}
	r.stop()
	seen, of := 0, 0
	for _, c := range cells {
		for _, o := range r.analyze(&c, func(phase string) bool {
			return strings.HasPrefix(phase, "back")
		}).Observations {
			if o.Rollback == nil {
				continue
			}
			of++
			if o.Rollback.Recovered() {
				seen++
				t.Logf("%s: got %s", c.name(), o.Rollback)
			}
		}
	}
	t.Logf("no switch, %d trials: a rollback was seen in %d", of, seen)
	if seen > 0 {
		t.Errorf("%d rollbacks were seen in %d trials without a switch", seen, of)
	}
}

// A generator that was stopped is flagged, every time.
func TestCalibrateStandstill(t *testing.T) {
	n := 3
	if *full {
		n = 20
	}
	c := cell{rate: 200}
	w := newTruth(t, 4, c)
	r := record(t, w, c)
	random := rand.New(rand.NewPCG(4, 4))
	var stops []time.Time
	for range n {
		// There is one stop in each of the agent's health reports.
		time.Sleep(time.Duration(1.1e9 + random.Float64()*2e8))
		if err := r.agent.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		if err := r.agent.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		stops = append(stops, time.Now())
	}
	r.stop()
	found := 0
	for _, at := range stops {
		if slices.ContainsFunc(r.health, func(h loadgen.Health) bool {
			// The heart beats again when it gets a processor. The next stop is a second away.
			return h.Stall > analysis.MaxStall && h.StallAt.Sub(at).Abs() < 500*time.Millisecond
		}) {
			found++
		}
	}
	g := r.analyze(nil, func(string) bool { return false }).Accounting.Generator
	t.Logf("stopped for 50 ms, %d times: flagged %d times; the longest standstill is %s", n, found, g.Stall)
	if found != n || g.Stalls < n {
		t.Errorf("got %d of %d standstills flagged, and %d in the books", found, n, g.Stalls)
	}
}

// Shares and delays come out as they were put in.
func TestCalibrateCounts(t *testing.T) {
	cells := []cell{{rate: 250, share: 0.05}, {rate: 250, share: 0.3, broken: true}, {rate: 100, share: 0}}
	w := newTruth(t, 5, cells...)
	const delay = 20 * time.Millisecond
	for _, c := range cells {
		w.set(c.name(), func(r *rule) {
			r.reset(time.Now().Add(time.Hour))
			if c.rate == 100 {
				r.delay = delay
			}
		})
	}
	r := record(t, w, cells...)
	seconds := 3
	if *full {
		seconds = 20
	}
	r.phase("watch")
	r.event(trace.Event{Kind: trace.Settled, Phase: "watch"})
	time.Sleep(time.Duration(seconds) * time.Second)
	r.stop()
	a := r.analyze(nil, func(string) bool { return false })
	if a.Accounting.UnexplainedTotal != 0 {
		t.Errorf("got %d things that are not explained: %+v", a.Accounting.UnexplainedTotal,
			a.Accounting.Unexplained[0])
	}
	table := newTable("requests/s", "share", "requests", "canary", "truth", "p50")
	for _, c := range cells {
		got, want := a.Observations[0].Settled.Of(c.name()), w.counts(c.name())
		n := got.Versions["v2"]
		truth := want["v2"] + want["503"]
		table.row(c.rate, fmt.Sprintf("%g %%", 100*c.share), got.Requests, n, truth, got.Latency["v1"].P50)
		// Requests that were sent before the phase began or after it ended are in the truth's count only.
		if outside := a.Accounting.Outside; n > truth || n < truth-outside {
			t.Errorf("%s: got %d of the canary's, want %d less %d at most", c.name(), n, truth, outside)
		}
		if c.broken && got.Codes[503] != n {
			t.Errorf("%s: got %d with status 503, want %d", c.name(), got.Codes[503], n)
		}
	}
	p50 := a.Observations[0].Settled.Of(cells[2].name()).Latency["v1"].P50
	t.Logf("counts and delays; a delay of %s is read as %s at p50\n%s", delay, p50, table)
	if p50 < delay || *full && p50 > delay+2*time.Millisecond {
		t.Errorf("a delay of %s was read as %s", delay, p50)
	}
}

// at returns the percentile of all, by nearest rank.
func at(all []time.Duration, p float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[max(int(math.Ceil(p*float64(len(all))/100-1e-9)), 1)-1]
}
