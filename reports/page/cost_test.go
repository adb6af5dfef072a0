package page

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/html/browser/screen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

var (
	hour   = flag.Bool("hour", false, "TestMemoryStays shows a page an hour of a run, and not four minutes")
	frames = flag.Bool("frames", false, "TestFramesOnOneCore has a browser draw on one processor")
)

// busy is the load of these tests, in requests a second.
const busy = 1000

// An endless run goes on for as long as is asked, at busy requests a second: of ten requests one goes to v2, and of
// those half fail.
type endless struct {
	board *Board
	sent  int
}

// newEndless begins the run's first phase, on a board of its own.
func newEndless(t testing.TB) *endless {
	t.Helper()
	e := &endless{board: NewBoard(judge.Unseen)}
	for _, l := range recorded(t, busy) {
		if l.Event != nil && l.Event.At.After(labtrace.At(2000)) {
			break
		}
		if l.Sample == nil && l.Log == nil {
			e.board.Line(l)
		}
	}
	return e
}

// more shows the board what belongs to the next requests, the first of which is sent at a moment.
func (e *endless) more(n int, from time.Time) {
	for i := range n {
		seq := e.sent + i
		sent := from.Add(time.Duration(i) * time.Second / busy)
		s := loadgen.Sample{
			ID: fmt.Sprint("live01-everyone-", seq), Cohort: "everyone", Seq: uint64(seq), Due: sent, Sent: sent,
			Done: sent.Add(2 * time.Millisecond), Code: 200, Version: "v1", Pod: "v1-1",
		}
		entry := trace.LogEntry{
			ID: s.ID, Proxy: "client-1", Start: sent, Took: time.Millisecond, Code: 200, Details: trace.ViaUpstream,
			Cluster: "outbound|80|v1|my-service.demo.svc.cluster.local", Attempts: 1,
		}
		switch {
		case seq%20 == 0:
			s.Code, s.Version, s.Pod = 503, "", ""
			entry.Code, entry.Flags, entry.Details = 503, []string{"UH"}, "no_healthy_upstream"
		case seq%10 == 0:
			s.Version, s.Pod = "v2", "v2-1"
		}
		e.board.Line(trace.Line{Sample: &s})
		e.board.Line(trace.Line{Log: &entry})
	}
	e.sent += n
}

// heaps are what the board and the page hold after collections, in bytes.
func heaps(t *testing.T, v *screen.Viewer) (board, page float64) {
	t.Helper()
	var m goruntime.MemStats
	goruntime.GC()
	goruntime.GC()
	goruntime.ReadMemStats(&m)
	for range 2 {
		if _, err := chromedp.Call(v.Tab, heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	use, err := chromedp.Call(v.Tab, runtime.GetHeapUsage, cdp.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	return float64(m.HeapAlloc), use.UsedSize
}

// TestMemoryStays shows a browser a long run as fast as it goes: neither board nor page holds more at its end than
// after its first minutes.
func TestMemoryStays(t *testing.T) {
	v := watch(t)
	long, early := 4*time.Minute, 90*time.Second
	if *hour {
		long, early = time.Hour, 6*time.Minute
	}
	const step = time.Second
	e := newEndless(t)
	s := serve(t, Options{Board: e.board})
	// As fast as a run that is shown so much faster.
	speed := 60.0
	begun := time.Now()
	e.board.SetClock(func() (time.Time, float64) {
		return labtrace.At(speed * float64(time.Since(begun).Milliseconds())), speed
	})
	v.Open(t, s.URL(), 1366, "light")
	var board, page [2]float64
	for at := time.Duration(0); at < long; at += step {
		// The page's clock is as far as the run.
		if ahead := at - time.Duration(speed*float64(time.Since(begun))); ahead > 0 {
			time.Sleep(time.Duration(float64(ahead) / speed))
		}
		e.more(busy, labtrace.At(float64(at.Milliseconds())))
		if at == early {
			board[0], page[0] = heaps(t, v)
		}
	}
	v.Await(t, fmt.Sprintf(`document.querySelector("[data-number=requests]").textContent.replaceAll(",", "") === "%d"`,
		e.sent))
	board[1], page[1] = heaps(t, v)
	t.Logf("%d requests, %s of a run in %s: board and server %.1f MB after %s and %.1f MB at the end; the page "+
		"%.1f MB and %.1f MB", e.sent, long, time.Since(begun).Round(time.Second), board[0]/1e6, early, board[1]/1e6,
		page[0]/1e6, page[1]/1e6)
	for name, m := range map[string][2]float64{"board": board, "page": page} {
		// A fifth and a megabyte are for where each is between two of its own collections.
		if m[1] > m[0]*6/5+1e6 || m[0] == 0 {
			t.Errorf("%s: got %.0f bytes at the end, want the %.0f of the beginning", name, m[1], m[0])
		}
	}
	v.Quiet(t)
}

// onOneCore has browsers that are started from now on run on one processor.
func onOneCore(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("taskset"); err != nil {
		t.Skip("there is no taskset to keep a browser on one processor")
	}
	dir := t.TempDir()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		script := fmt.Sprintf("#!/bin/sh\nexec taskset -c 0 %q \"$@\"\n", path)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestFramesOnOneCore draws 1,000 requests a second with all of a browser on one processor: 60 frames a second, or the
// page says how many.
func TestFramesOnOneCore(t *testing.T) {
	if !*frames {
		t.Skip("it takes the machine: make page-cost")
	}
	onOneCore(t)
	v := watch(t)
	e := newEndless(t)
	s := serve(t, Options{Board: e.board})
	ctx, cancel := context.WithCancel(t.Context())
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		at := time.Now()
		for {
			select {
			case now := <-tick.C:
				n := int(now.Sub(at) * busy / time.Second)
				e.more(n, at)
				at = at.Add(time.Duration(n) * time.Second / busy)
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { cancel(); <-fed }()
	// A laptop has more than the one that its browser has here.
	laptop := emulation.SetHardwareConcurrencyOverrideParams{HardwareConcurrency: 8}
	if _, err := chromedp.Call(v.Tab, emulation.SetHardwareConcurrencyOverride, laptop); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int64{1920, 1366} {
		v.Open(t, s.URL(), width, "light")
		v.Await(t, `canarylab.fps > 0`)
		screen.Ask[bool](t, v, `window.drawn = [],
			(function f(t) { drawn.push(t); requestAnimationFrame(f); })(0), true`)
		time.Sleep(10 * time.Second) // what is measured
		gaps := screen.Ask[[]float64](t, v, `drawn.slice(2).map((t, i) => t - drawn[i + 1])`)
		said := screen.Ask[string](t, v, `document.getElementById("fps").textContent`)
		slices.Sort(gaps)
		sum := 0.0
		for _, g := range gaps {
			sum += g
		}
		fps := 1000 * float64(len(gaps)) / sum
		t.Logf("%d pixels wide: %.1f frames a second; half of them came within %.1f ms, 99 of 100 within %.1f ms; "+
			"the page says %q", width, fps, gaps[len(gaps)/2], gaps[len(gaps)*99/100], cmp.Or(said, "nothing"))
		if math.Round(fps) < 57 && !strings.Contains(said, "frames a second, not 60") {
			t.Errorf("%d pixels wide: the page draws %.1f frames a second and says %q", width, fps, said)
		}
	}
	v.Quiet(t)
}

// TestBrowsersCountTheSame has three browsers watch a run, one of which loads the page anew in the middle: all end with
// the counts of the report.
func TestBrowsersCountTheSame(t *testing.T) {
	lines := recorded(t, 200)
	r := judged(t, lines)
	b := NewBoard(judge.Unseen)
	s := serve(t, Options{Board: b})
	var all []*screen.Viewer
	for range 3 {
		v := watch(t)
		v.Open(t, s.URL(), 1366, "light")
		all = append(all, v)
	}
	for i, l := range lines {
		b.Line(l)
		if i == len(lines)/2 {
			all[0].Await(t, fmt.Sprintf(`document.querySelector("[data-number=requests]").textContent.replace(",", "")
				=== "%d"`, b.Face().Requests))
			all[1].Open(t, s.URL(), 1366, "light")
		}
	}
	b.Conclude(r)
	var want []string
	for i, p := range r.Phases {
		o := p.Observation
		want = append(want, fmt.Sprintf("%d %s|%d|%d|%s", i+1, p.Name, o.Transition.Total.Requests,
			o.Settled.Total.Requests, p.Failed()))
	}
	want = append(want, fmt.Sprint(r.Accounting.Requests))
	const says = `[...document.querySelectorAll("#phases tbody tr")].map(tr => [0, 2, 3, 4].map(
		i => tr.cells[i].textContent.replaceAll(/(\d),(?=\d{3})/g, "$1")).join("|")).concat(
		document.querySelector("[data-number=requests]").textContent.replaceAll(",", ""))`
	for i, v := range all {
		v.Await(t, `!document.getElementById("outcome").hidden`)
		if got := screen.Ask[[]string](t, v, says); !slices.Equal(got, want) {
			t.Errorf("browser %d: got %q, want the report's %q", i+1, got, want)
		}
		v.Quiet(t)
	}
}
