package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/internal/liverun"
	"github.com/canarylab/canarylab/reports/page"
	"github.com/canarylab/canarylab/reports/trace"
)

// source is a trace in memory, in the order of the file.
type source struct {
	lines     []trace.Line
	truncated bool
	err       error
}

func (s source) Lines(facts bool, yield func(*trace.Line) error) (bool, error) {
	for i := range s.lines {
		if l := s.lines[i]; !facts || l.Sample == nil && l.Log == nil {
			if err := yield(&l); err != nil {
				return false, err
			}
		}
	}
	if facts {
		return s.truncated, nil
	}
	return s.truncated, s.err
}

// recorded is a run and its report.
func recorded(t *testing.T) (source, *reports.Report) {
	t.Helper()
	lines, err := liverun.Lines(100)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := liverun.Write(dir, lines, false); err != nil {
		t.Fatal(err)
	}
	r, err := judge.Report(dir)
	if err != nil {
		t.Fatal(err)
	}
	return source{lines: lines}, r
}

// start plays a run in a bubble of its own time.
func start(t *testing.T, src trace.Source, r *reports.Report, speed float64) (*Player, *page.Board) {
	t.Helper()
	b := page.NewBoard(nil)
	p, err := New(src, r, b, speed)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return p, b
}

// look waits for a time, and looks.
func look(b *page.Board, after time.Duration) *page.Face {
	time.Sleep(after)
	synctest.Wait()
	time.Sleep(200 * time.Millisecond) // a face is kept for a moment
	synctest.Wait()
	return b.Face()
}

func do(t *testing.T, p *Player, command string, arg any) {
	t.Helper()
	b, err := json.Marshal(arg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Commands()[command](t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func TestPlaysAsItWas(t *testing.T) {
	src, r := recorded(t)
	synctest.Test(t, func(t *testing.T) {
		p, b := start(t, src, r, 1)
		if f := look(b, 3*time.Second); f.Phase != "baseline" || f.Requests < 300 || f.Requests > 330 || f.Burned != 0 {
			t.Errorf("after 3.2 s: got %s, %d requests, %d burned", f.Phase, f.Requests, f.Burned)
		}
		if f := look(b, 5*time.Second); f.Phase != "canary at 10 %" || f.Burned == 0 || f.Held != "4 of 4" ||
			f.Outcome != "" {
			t.Errorf("after 8.4 s: got %s, %d burned, %s", f.Phase, f.Burned, f.Held)
		}
		f := look(b, 12*time.Second)
		if f.State != page.Ended || f.Outcome != r.Outcome || f.Requests != r.Accounting.Requests ||
			f.Burned != reports.Summarize(r).Burned {
			t.Errorf("at the end: got %s, %s, %d requests, %d burned", f.State, f.Outcome, f.Requests, f.Burned)
		}
		if s := p.Status(); !s.Over || s.AtMS != s.LengthMS || len(s.Chapters) != 5 {
			t.Errorf("at the end: got %+v", s)
		}
	})
}

func TestSpeedPauseAndJumps(t *testing.T) {
	src, r := recorded(t)
	synctest.Test(t, func(t *testing.T) {
		p, b := start(t, src, r, 2)
		if f := look(b, 3*time.Second); f.Phase != "canary at 10 %" || f.Requests < 630 || f.Requests > 650 {
			t.Errorf("twice as fast: got %s, %d requests", f.Phase, f.Requests)
		}
		do(t, p, "replay-pause", nil)
		n := look(b, 0).Requests
		if f := look(b, time.Hour); f.Requests != n || !p.Status().Paused {
			t.Errorf("in the pause: got %d requests, want %d", f.Requests, n)
		}
		do(t, p, "replay-jump", map[string]int{"phase": 5})
		if f := look(b, time.Minute); f.Phase != "canary at 10 % again" && f.Phase != "subset fixed" ||
			f.Requests < 1395 || f.Requests > 1400 {
			t.Errorf("a jump in the pause: got %s, %d requests", f.Phase, f.Requests)
		}
		do(t, p, "replay-pause", map[string]bool{"paused": false})
		do(t, p, "replay-speed", map[string]float64{"speed": 0.5})
		if f := look(b, 1800*time.Millisecond); f.Phase != "canary at 10 % again" ||
			f.Requests < 1490 || f.Requests > 1510 {
			t.Errorf("at half the speed: got %s, %d requests", f.Phase, f.Requests)
		}
		// Back: what came later is not known any more.
		do(t, p, "replay-jump", map[string]int{"phase": 2})
		if f := look(b, 0); f.Number > 2 || f.Requests > 430 || f.Burned > 0 || f.Outcome != "" {
			t.Errorf("a jump back: got phase %d, %d requests, %d burned, %q", f.Number, f.Requests, f.Burned, f.Outcome)
		}
		do(t, p, "replay-jump", map[string]int{"atMs": 18_900})
		do(t, p, "replay-speed", map[string]float64{"speed": 100})
		if f := look(b, time.Second); f.Outcome != r.Outcome || f.Requests != r.Accounting.Requests {
			t.Errorf("at the end: got %q, %d requests", f.Outcome, f.Requests)
		}
		// Once more, from its end.
		do(t, p, "replay-speed", map[string]float64{"speed": 1})
		do(t, p, "replay-pause", nil)
		if f := look(b, time.Second); f.Phase != "baseline" || f.Outcome != "" || f.Requests < 100 || f.Requests > 130 {
			t.Errorf("once more: got %s, %q, %d requests", f.Phase, f.Outcome, f.Requests)
		}
	})
}

func TestBadCommands(t *testing.T) {
	src, r := recorded(t)
	p, err := New(src, r, page.NewBoard(nil), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ command, arg, says string }{
		{"replay-jump", `{"phase": 9}`, "that phase never began"},
		{"replay-jump", `{"atMs": -1}`, "-1 ms are not 0 to 19000"},
		{"replay-jump", `{"atMs": 20000}`, "20000 ms are not 0 to 19000"},
		{"replay-jump", `[]`, "jump in the replay"},
		{"replay-speed", `{"speed": 0}`, "a speed of 0 is not above 0 and up to 100"},
		{"replay-speed", `{"speed": 101}`, "a speed of 101"},
		{"replay-speed", `"fast"`, "set the replay's speed"},
		{"replay-pause", `{"paused": 1}`, "pause the replay"},
	} {
		if _, err := p.Commands()[test.command](t.Context(), json.RawMessage(test.arg)); err == nil ||
			!strings.Contains(err.Error(), test.says) {
			t.Errorf("%s %s: got %v, want %q", test.command, test.arg, err, test.says)
		}
	}
	for _, speed := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1), 100.1} {
		if _, err := New(src, r, page.NewBoard(nil), speed); err == nil {
			t.Errorf("a speed of %g is taken", speed)
		}
	}
}

func TestTracesThatAreNotWhole(t *testing.T) {
	src, r := recorded(t)
	half := src.lines[:len(src.lines)/2]
	damaged := slices.Clone(src.lines)
	for _, i := range []int{200, 900} {
		s := *damaged[sampleAfter(damaged, i)].Sample
		s.Done = s.Done.Add(100 * 365 * 24 * time.Hour)
		damaged[sampleAfter(damaged, i)].Sample = &s
	}
	for name, test := range map[string]struct {
		src  source
		says string
	}{
		"cut": {source{lines: half, truncated: true}, "The trace ends in the middle of a line"},
		"unreadable": {
			source{lines: half, err: errors.New("line 9 is no line of a trace")},
			"The trace can't be read any further: line 9",
		},
		"damaged times": {source{lines: damaged}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, b := start(t, test.src, r, 1)
				f := look(b, 20*time.Second)
				if f.State != page.Ended || f.Requests < 800 {
					t.Errorf("got %s, %d requests, want what there is", f.State, f.Requests)
				}
				if !strings.Contains(fmt.Sprint(f.Troubles), test.says) {
					t.Errorf("got %q, want %q", f.Troubles, test.says)
				}
			})
		})
	}
	for name, lines := range map[string][]trace.Line{"nothing": nil, "before the load": src.lines[:3]} {
		if _, err := New(source{lines: lines}, r, page.NewBoard(nil), 1); err == nil ||
			!strings.Contains(err.Error(), "its trace ends before the load began") {
			t.Errorf("%s: got %v, want to be told that there is nothing", name, err)
		}
	}
}

// sampleAfter is the number of the first line from i on that is a sample.
func sampleAfter(lines []trace.Line, i int) int {
	for lines[i].Sample == nil {
		i++
	}
	return i
}

// TestGap leaps over a time in which nothing was recorded, as when a laptop slept.
func TestGap(t *testing.T) {
	src, r := recorded(t)
	for i := range src.lines {
		l := &src.lines[i]
		switch {
		case l.Sample != nil && l.Sample.Sent.After(labtrace.At(3000)):
			s := *l.Sample
			s.Due, s.Sent, s.Done = s.Due.Add(time.Hour), s.Sent.Add(time.Hour), s.Done.Add(time.Hour)
			l.Sample = &s
		case l.Log != nil && l.Log.Start.After(labtrace.At(3000)):
			e := *l.Log
			e.Start = e.Start.Add(time.Hour)
			l.Log = &e
		case l.Event != nil && l.Event.At.After(labtrace.At(3000)):
			e := *l.Event
			e.At = e.At.Add(time.Hour)
			l.Event = &e
		}
	}
	synctest.Test(t, func(t *testing.T) {
		_, b := start(t, src, r, 1)
		if f := look(b, 21*time.Second); f.State != page.Ended || f.Requests != 1900 {
			t.Errorf("got %s with %d requests, want the end", f.State, f.Requests)
		}
	})
}

func TestPanelSaysThatItIsNoRun(t *testing.T) {
	src, r := recorded(t)
	r.Run = "<script>alert(1)</script>"
	p, err := New(src, r, page.NewBoard(nil), 1)
	if err != nil {
		t.Fatal(err)
	}
	bar, err := p.Panel()
	if err != nil {
		t.Fatal(err)
	}
	if html := string(bar.HTML); !strings.Contains(html, "REPLAY") || strings.Contains(html, "<script>") ||
		!strings.Contains(html, "recorded 23 November 2026, 06:01:02 UTC") {
		t.Errorf("got %s, want the word, and when it was recorded", html)
	}
	told := 0
	ctx, cancel := context.WithCancel(t.Context())
	if err := p.Report(ctx, func(panel string, value any) error {
		told++
		if panel != bar.Name || value == nil {
			t.Errorf("got %s, %v", panel, value)
		}
		if told == 2 {
			cancel()
		}
		return nil
	}); err != nil || told != 2 {
		t.Errorf("got %v, told %d times", err, told)
	}
}

// TestFile plays the trace in a run's folder.
func TestFile(t *testing.T) {
	src, r := recorded(t)
	dir := t.TempDir()
	if err := liverun.Write(dir, src.lines, true); err != nil {
		t.Fatal(err)
	}
	file := trace.FileSource(filepath.Join(dir, trace.File))
	synctest.Test(t, func(t *testing.T) {
		_, b := start(t, file, r, 100)
		if f := look(b, time.Second); f.Requests != 1900 || f.Outcome != r.Outcome {
			t.Errorf("got %d requests, %s", f.Requests, f.Outcome)
		}
	})
}
