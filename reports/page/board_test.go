package page

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/internal/liverun"
	"github.com/canarylab/canarylab/reports/trace"
)

// recorded are the lines of a run that labtrace.Live made.
func recorded(t testing.TB, rate int) []trace.Line {
	t.Helper()
	lines, err := liverun.Lines(rate)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// shown is a board that was shown lines.
func shown(lines []trace.Line) *Board {
	b := NewBoard(judge.Unseen)
	for _, l := range lines {
		b.Line(l)
	}
	return b
}

// judged is the report that is made of lines.
func judged(t testing.TB, lines []trace.Line) *reports.Report {
	t.Helper()
	dir := t.TempDir()
	if err := liverun.Write(dir, lines, false); err != nil {
		t.Fatal(err)
	}
	r, err := judge.Report(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// blurred are lines in another order, as they come from goroutines of their own: each may be as late as so many others.
// What is known before the load stays where it is.
func blurred(lines []trace.Line, by int, random *rand.Rand) []trace.Line {
	type at struct {
		line  trace.Line
		place int
	}
	var all []at
	for i, l := range lines {
		place := i
		if e := l.Event; i > 10 && (e == nil || e.Kind != trace.End) {
			place += random.IntN(by)
		} else if e != nil && e.Kind == trace.End {
			place += 2 * by
		}
		all = append(all, at{l, place})
	}
	slices.SortStableFunc(all, func(a, b at) int { return a.place - b.place })
	out := make([]trace.Line, len(all))
	for i := range all {
		out[i] = all[i].line
	}
	return out
}

// odd is a trace of two cohorts with requests outside of all phases, with requests without an answer, with
// answers that a proxy flagged, and with an app that fails.
func odd(t testing.TB) []trace.Line {
	t.Helper()
	lines := recorded(t, 100)
	n := 0
	for i := range lines {
		l := &lines[i]
		switch {
		case l.Sample != nil:
			s := *l.Sample
			if n++; n%3 == 0 {
				s.Cohort = "beta"
			}
			switch {
			case n%37 == 0: // no answer, and the proxy's entry says why
				s.Code, s.Version, s.Pod, s.Serial, s.Err = 0, "", "", "", "EOF"
			case n%41 == 0: // the app's own
				s.Code = 500
			case n%301 == 0: // outside of every phase
				s.Sent = labtrace.At(-5)
			case n%97 == 0:
				s.Version = "v3"
			case s.Seq == 451: // just when a phase has settled, begins, and ends
				s.Sent = labtrace.At(4500)
			case s.Seq == 400:
				s.Sent = labtrace.At(4000)
			case s.Seq == 1899:
				s.Sent = labtrace.At(1000 * labtrace.LiveSeconds)
			}
			l.Sample = &s
		case l.Log != nil && n%29 == 0:
			e := *l.Log
			e.Flags = []string{"DI"} // delayed, and answered well
			l.Log = &e
		}
	}
	return lines
}

func TestCountsAreTheReports(t *testing.T) {
	whole, strange := recorded(t, 200), odd(t)
	cases := map[string][]trace.Line{
		"a run": whole, "an odd run": strange, "cut in a phase": whole[:len(whole)/2], "cut early": whole[:60],
		"an odd one that was cut": strange[:len(strange)*2/3],
	}
	for i := range 5 {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		cases[fmt.Sprintf("out of order %d", i)] = blurred(strange, 20+40*i, random)
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			lines := cases[name]
			want, b := judged(t, lines), shown(lines)
			b.Conclude(want)
			if len(b.phases) != len(want.Phases) || len(want.Phases) == 0 {
				t.Fatalf("got %d phases, want %d", len(b.phases), len(want.Phases))
			}
			failures, requests := 0, 0
			for i, p := range want.Phases {
				same(t, p.Name+", until it had settled", b.phases[i].before, p.Observation.Transition)
				same(t, p.Name+", judged", b.phases[i].judged, p.Observation.Settled)
				failures += len(p.Observation.Settled.Total.Flags)
				requests += p.Observation.Settled.Total.Requests
			}
			if name != "cut early" && (failures == 0 || requests == 0) {
				t.Error("nothing failed, or nothing was judged: the test shows nothing")
			}
			summary := reports.Summarize(want)
			if b.failed != summary.Burned || b.requests != want.Accounting.Requests {
				t.Errorf("got %d burned of %d, want %d of %d", b.failed, b.requests, summary.Burned,
					want.Accounting.Requests)
			}
			f := b.Face()
			if f.Burned != summary.Burned || f.Outcome != want.Outcome || f.State != Ended {
				t.Errorf("got %d burned, %q and %s, want %d, %q and ended", f.Burned, f.Outcome, f.State,
					summary.Burned, want.Outcome)
			}
			for i, p := range want.Phases {
				if f.Phases[i].Failed != p.Failed().String() {
					t.Errorf("phase %d: got failed %q, want %q", i+1, f.Phases[i].Failed, p.Failed())
				}
			}
		})
	}
}

// same holds a window of the board against the report's.
func same(t *testing.T, what string, got window, want analysis.Window) {
	t.Helper()
	compare := func(what string, got *counts, want analysis.Counts) {
		t.Helper()
		if got.requests != want.Requests || got.failed != want.Failed.Count || !maps.Equal(got.codes, want.Codes) ||
			!maps.Equal(got.versions, want.Versions) || !maps.Equal(got.flags, want.Flags) {
			t.Errorf("%s: got %+v, want %d requests, %d failed, codes %v, versions %v, flags %v", what, *got,
				want.Requests, want.Failed.Count, want.Codes, want.Versions, want.Flags)
		}
	}
	compare(what, got.total, want.Total)
	for name, c := range got.cohorts {
		if _, known := want.Cohorts[name]; known || c.requests > 0 {
			compare(what+", "+name, c, want.Cohorts[name])
		}
	}
	for name := range want.Cohorts {
		if got.cohorts[name] == nil {
			t.Errorf("%s: cohort %s is missing", what, name)
		}
	}
}

// TestSharesAreTheReports holds the rows and the headline of each phase, at its end, against the report's.
func TestSharesAreTheReports(t *testing.T) {
	lines := recorded(t, 200)
	want := judged(t, lines)
	b := shown(lines)
	for i, p := range want.Phases {
		b.now, b.cache = b.phases[i], faceCache{}
		f := b.Face()
		rows := reports.SplitRows(p.Observation.Settled, p.Verdicts, want.Setup.Load)
		if len(rows) != len(f.Shares) {
			t.Fatalf("%s: got %d shares, want %d", p.Name, len(f.Shares), len(rows))
		}
		for j, row := range rows {
			got := f.Shares[j]
			if got.Asked != row.Asked() || got.Count != row.Seen.Count || got.Of != row.Seen.Of ||
				!row.Moved && got.Interval != row.Interval() {
				t.Errorf("%s: got %+v, want asked %q, %s", p.Name, got, row.Asked(), row.Seen)
			}
		}
		claim := p.Verdicts[0].Claim
		basis := format.Number(claim.Seen.Count) + " of " + format.Plural(claim.Seen.Of, "request", "requests")
		if f.Asked != claim.Asked() || f.Basis != basis {
			t.Errorf("%s: got asked %q, %q, want %q, %s", p.Name, f.Asked, f.Basis, claim.Asked(), claim.Seen)
		}
	}
}

// TestFaceWhileARunIsPlayed looks at moments of a run, by the run's own clock.
func TestFaceWhileARunIsPlayed(t *testing.T) {
	b := NewBoard(judge.Unseen)
	var now time.Time
	b.SetClock(func() (time.Time, float64) { return now, 1 })
	lines, next := recorded(t, 200), 0
	until := func(ms float64) *Face {
		now = labtrace.At(ms)
		for ; next < len(lines); next++ {
			l := lines[next]
			at := time.Time{}
			switch {
			case l.Event != nil:
				at = l.Event.At
			case l.Sample != nil:
				at = l.Sample.Sent.Add(60 * time.Millisecond)
			case l.Log != nil:
				at = l.Log.Start.Add(100 * time.Millisecond)
			}
			if at.After(now) || l.Event != nil && l.Event.Kind == trace.End {
				break
			}
			b.Line(l)
		}
		b.cache = faceCache{}
		return b.Face()
	}
	if f := until(-1); f.State != Waiting || f.Scenario != "label-mismatch" || len(f.Phases) != 5 || f.Number != 0 {
		t.Errorf("before the load: got %+v", f)
	}
	if f := until(3900); f.Phase != "baseline" || f.Subject != "v1" || f.Asked != "100 %" || f.Seen != "100 %" ||
		f.Burned != 0 || f.FailedRate != "0.0" || f.Rate != "200" || !f.Settled || !f.HeldAll {
		t.Errorf("in the baseline: got %+v", f)
	}
	if f := until(4050); f.Phase != "canary at 10 %" || f.Settled || f.Held != none || f.Number != 2 {
		t.Errorf("before the write: got %+v", f)
	}
	if f := until(4280); f.Held != "2 of 4" || f.HeldAll || f.Settled || f.Asked != "10 %" || f.Subject != "503 UH" {
		t.Errorf("while the change is on its way: got %+v", f)
	}
	f := until(8900)
	if f.Held != "4 of 4" || !f.HeldAll || !f.Settled || f.Asked != "10 %" || f.Burned == 0 || !f.Failing ||
		f.Interval == "" || len(f.Failures) != 1 || f.Failures[0].Kind != "503 UH" || f.Failures[0].Meaning == "" {
		t.Errorf("while the canary is broken: got %+v", f)
	}
	if n := f.Failures[0].Count; n > f.Burned || n < f.Burned*9/10 {
		t.Errorf("got %d failures with a flag of %d, want almost all", n, f.Burned)
	}
	if f := until(18900); f.Failing || f.Subject != "v2" || f.Number != 5 || f.FailedRate != "0.0" {
		t.Errorf("at the end: got %+v", f)
	}
	if f := until(19500); f.State != Running || f.StateText != "The load has ended; what belongs to it is collected." {
		t.Errorf("after the load: got %s, %q", f.State, f.StateText)
	}
}

func TestRunsThatGoWrong(t *testing.T) {
	lines := recorded(t, 50)
	event := func(e trace.Event) trace.Line { return trace.Line{Event: &e} }
	end := slices.IndexFunc(lines, func(l trace.Line) bool { return l.Event != nil && l.Event.Kind == trace.End })
	half := lines[:len(lines)/2]
	for name, test := range map[string]struct {
		lines []trace.Line
		says  string
	}{
		"interrupted": {
			append(slices.Clone(lines[:end]),
				event(trace.Event{Kind: trace.End, Text: "interrupted in step \x1b[31m"})),
			`The run was cut short: interrupted in step \x1b[31m`,
		},
		"killed": {half, "The run was cut short: the run was cut off, as by a kill"},
		"troubled": {
			append(slices.Clone(half), event(trace.Event{
				At: labtrace.At(9000), Kind: trace.Trouble, Text: "pod v1-1 was taken away",
			})), "pod v1-1 was taken away",
		},
		"without a story": {
			[]trace.Line{event(trace.Event{Kind: trace.Draft, Data: []byte(`{"phases":[{"name":"a"},{"name":"a"}]}`)})},
			"The story of this run can't be read: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := shown(test.lines)
			if name == "killed" {
				b.Conclude(judged(t, test.lines))
			}
			f := b.Face()
			if !slices.ContainsFunc(f.Troubles, func(s string) bool { return strings.HasPrefix(s, test.says) }) {
				t.Errorf("got %q, want %q", f.Troubles, test.says)
			}
		})
	}
	void := judged(t, lines)
	void.Accounting.Problems = []analysis.Problem{{Void: true, Text: "the load agent was late"}}
	void.Conclude()
	b := shown(lines)
	b.Conclude(void)
	const says = "The run is void: that is the machine's doing, and the mesh was not measured."
	if f := b.Face(); f.Outcome != reports.Invalid || !slices.Contains(f.Troubles, says) {
		t.Errorf("got %s, %q, want a void run", f.Outcome, f.Troubles)
	}
}

// TestBoardStaysSmall shows a board hours of a run, and what no run has.
func TestBoardStaysSmall(t *testing.T) {
	b := shown(recorded(t, 50)[:5])
	for i := range 300_000 {
		at := labtrace.At(float64(i) * 10)
		s := loadgen.Sample{
			ID: fmt.Sprint("live01-everyone-", i), Cohort: "everyone", Sent: at, Done: at, Code: 503, Unsent: true,
		}
		b.Line(trace.Line{Sample: &s})
		if i%100 == 0 {
			b.Line(trace.Line{Event: &trace.Event{At: at, Kind: trace.Trouble, Text: fmt.Sprint("trouble ", i)}})
			b.Line(trace.Line{Pod: &trace.Pod{Name: fmt.Sprint("pod-", i)}})
		}
	}
	if b.requests != 300_000 || b.failed != 300_000 {
		t.Errorf("got %d of %d, want all", b.failed, b.requests)
	}
	var at cursor
	v := b.view(&at)
	if len(b.recent.all) > maxRecent || len(b.river.marks) > maxMarks || len(b.troubles) > maxTroubles ||
		len(b.pods) > maxPods || len(v.Cells) > riverBins*maxSorts || b.joiner.Open() > 1 {
		t.Errorf("got %d records, %d marks, %d troubles, %d pods, %d cells, %d open requests", len(b.recent.all),
			len(b.river.marks), len(b.troubles), len(b.pods), len(v.Cells), b.joiner.Open())
	}
	for i := range 2 * maxNames {
		at := labtrace.At(float64(i))
		b.Line(trace.Line{Sample: &loadgen.Sample{
			ID: fmt.Sprint("live01-x-", i), Cohort: "everyone", Version: fmt.Sprint("v", i),
			Sent: at, Done: at, Code: 200,
		}})
	}
	b.cache = faceCache{}
	if f := b.Face(); len(b.names) > maxNames+10 || b.spoilt == "" || len(f.Shares) > maxNames ||
		len(b.river.sorts) > maxSorts {
		t.Errorf("got %d names, %q, %d sorts", len(b.names), b.spoilt, len(b.river.sorts))
	}
}

// TestView tells one who looks often what one learns who looks once.
func TestView(t *testing.T) {
	lines := recorded(t, 100)
	b := NewBoard(judge.Unseen)
	var often cursor
	got := map[[2]int]int{}
	for i, l := range lines {
		b.Line(l)
		if i%50 == 0 || i == len(lines)-1 {
			v := b.view(&often)
			if v.Full != (i == 0) {
				t.Fatalf("line %d: got full %v", i, v.Full)
			}
			for _, c := range v.Cells {
				got[[2]int{c[0], c[1]}] = c[2]
			}
		}
	}
	total := 0
	for _, n := range got {
		total += n
	}
	if total != 100*labtrace.LiveSeconds {
		t.Errorf("got %d requests drawn, want all", total)
	}
	var once cursor
	all := b.view(&once)
	for _, c := range all.Cells {
		if got[[2]int{c[0], c[1]}] != c[2] {
			t.Errorf("bin %d, sort %d: got %d, want %d", c[0], c[1], got[[2]int{c[0], c[1]}], c[2])
		}
	}
	if v := b.view(&often); len(v.Cells)+len(v.Marks) > 0 || v.Full {
		t.Errorf("got %+v, want nothing new", v)
	}
	writes := 0
	for _, m := range all.Marks {
		if m.Kind == markWrite {
			writes++
		}
	}
	if writes != 4 || !slices.ContainsFunc(all.Marks, func(m mark) bool {
		return m.Text == "apply 2-canary: VirtualService my-service"
	}) {
		t.Errorf("got marks %+v, want four writes with their objects", all.Marks)
	}
	b.Restart()
	if v := b.view(&often); !v.Full || len(v.Cells) > 0 || v.Face == nil || v.Face.Requests != 0 {
		t.Errorf("got %+v after a restart, want all anew", v)
	}
}

// BenchmarkLine holds what a board takes for a line against what the trace's writer does: see -bench=Line.
func BenchmarkLine(b *testing.B) {
	lines := recorded(b, 500)
	b.Run("trace.Writer.Append", func(b *testing.B) {
		w := trace.NewWriter(nowhere{})
		defer w.Close()
		for i := 0; b.Loop(); i++ {
			if err := w.Append(lines[i%len(lines)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Board.Line", func(b *testing.B) {
		board := NewBoard(judge.Unseen)
		for i := 0; b.Loop(); i++ {
			if i%len(lines) == 0 {
				board.Restart()
			}
			board.Line(lines[i%len(lines)])
		}
	})
}

type nowhere struct{}

func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) Close() error                { return nil }
