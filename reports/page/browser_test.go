package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/html/browser"
	"github.com/canarylab/canarylab/reports/html/browser/screen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// watch starts a browser, or skips the test where there is none. These tests read the drawing, which the page never
// does.
func watch(t *testing.T) *screen.Viewer {
	t.Helper()
	v := screen.NewViewer(t)
	v.Tolerates = "willReadFrequently"
	return v
}

// at shows a board a run until a moment of it, and has the board's time stand still there.
func at(t testing.TB, b *Board, rate int, ms float64) {
	t.Helper()
	b.SetClock(func() (time.Time, float64) { return labtrace.At(ms), 0 })
	for _, l := range recorded(t, rate) {
		moment := time.Time{}
		switch {
		case l.Event != nil:
			moment = l.Event.At
		case l.Sample != nil:
			moment = l.Sample.Sent.Add(60 * time.Millisecond)
		case l.Log != nil:
			moment = l.Log.Start.Add(100 * time.Millisecond)
		}
		if moment.After(labtrace.At(ms)) || l.Event != nil && l.Event.Kind == trace.End {
			return
		}
		b.Line(l)
	}
}

// What the page must not have.
var (
	overflowing = screen.Overflowing(".tables, .heard")
	pale        = screen.Pale("script, noscript, .live, .heard, dialog:not([open])")
)

const (
	// drawn counts the pixels of the river that are not its ground.
	drawn = `(() => { const c = document.getElementById("river"), p = c.getContext("2d");
		const d = p.getImageData(0, 0, c.width, c.height).data; let n = 0;
		for (let i = 0; i < d.length; i += 4) if (d[i] !== d[0] || d[i + 1] !== d[1] || d[i + 2] !== d[2]) n++;
		return n / (d.length / 4); })()`
	// marked adds up what the river's marks stand for.
	marked = `canarylab.marks().reduce((sum, m) => sum + m[1], 0)`
)

func TestPageInBrowser(t *testing.T) {
	v := watch(t)
	for _, test := range []struct {
		rate int
		ms   float64
	}{{60, 4300}, {500, 7000}, {2000, 18_500}} {
		t.Run(fmt.Sprintf("%d a second", test.rate), func(t *testing.T) {
			b := NewBoard(judge.Unseen)
			s := serve(t, Options{Board: b})
			at(t, b, test.rate, test.ms)
			v.Open(t, s.URL(), 1920, "light")
			f := b.Face()
			v.Await(t, fmt.Sprintf(
				`document.querySelector("[data-number=burned]").textContent.replace(",", "") === "%d"`, f.Burned,
			))
			for field, want := range map[string]string{
				"phase": f.Phase, "asked": f.Asked, "seen": f.Seen,
				"interval": f.Interval, "held": f.Held, "scenario": f.Scenario,
			} {
				is := fmt.Sprintf(`document.querySelector("[data-face=%s]").textContent`, field)
				got := screen.Ask[string](t, v, is)
				if got != want {
					t.Errorf("%s: got %q, want %q", field, got, want)
				}
			}
			// The river has the last half minute, which is all of it.
			v.Await(t, fmt.Sprintf(`%s === %d`, marked, b.requests))
			v.Await(t, drawn+` > 0.05`)
			// More of the same tenth of a second, one after the other.
			for i := range 3 {
				moment := labtrace.At(test.ms - 100)
				b.Line(trace.Line{Sample: &loadgen.Sample{
					ID: fmt.Sprint("live01-more-", i), Cohort: "everyone",
					Sent: moment, Done: moment, Code: 200, Version: "v1",
				}})
				v.Await(t, fmt.Sprintf(`%s === %d`, marked, b.requests))
			}
			const most = `Math.max(...canarylab.lanes().map(l => l.marks.filter(m => m.t > 2000).length))`
			if n := screen.Ask[int](t, v, most); n > 1200 {
				t.Errorf("got %d marks in a lane, want as few as can be drawn at any rate", n)
			}
			for _, width := range []int64{390, 820, 1366, 1920} {
				for _, scheme := range []string{"light", "dark"} {
					if err := browser.Look(v.Tab, width, scheme); err != nil {
						t.Fatal(err)
					}
					for what, script := range map[string]string{
						"overflow the page": overflowing, "are too pale": pale,
					} {
						if got := screen.Ask[[]string](t, v, script); len(got) > 0 {
							t.Errorf("%d %s: %s: %q", width, scheme, what, got)
						}
					}
					v.Await(t, drawn+` > 0.05`)
					h := screen.Ask[float64](t, v,
						`document.getElementById("river").getBoundingClientRect().height / innerHeight`)
					if h > 0.8 {
						t.Errorf("%d %s: the river is %.2f windows high", width, scheme, h)
					}
				}
			}
			v.Quiet(t)
		})
	}
}

func TestPanelsInBrowser(t *testing.T) {
	v := watch(t)
	var mu sync.Mutex
	var got []string
	calls := func() string { mu.Lock(); defer mu.Unlock(); return strings.Join(got, " ") }
	b := NewBoard(judge.Unseen)
	s := serve(t, Options{
		Board: b,
		Panels: []Panel{{
			Name: "demo", Title: "Steps",
			HTML:  `<button data-do="next" data-key="n" data-arg='{"step":2}'>Next</button><p id="said"></p>`,
			Style: "#panel-demo p { font-weight: 700; }",
			Script: `page.data(d => { document.getElementById("said").textContent = "step " + d.step; });
				element.append(page.button("Break", () => page.do("break")));`,
		}},
		Commands: map[string]Command{
			"next": func(_ context.Context, arg json.RawMessage) (any, error) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, "next"+string(arg))
				return nil, nil
			},
			"break": func(context.Context, json.RawMessage) (any, error) {
				return nil, errors.New("it is broken already")
			},
		},
	})
	if err := s.Publish("demo", map[string]int{"step": 7}); err != nil {
		t.Fatal(err)
	}
	at(t, b, 200, 7000)
	v.Open(t, s.URL(), 1920, "dark")
	v.Await(t, `document.getElementById("said").textContent === "step 7"`)
	v.Press(t, "n")
	v.Await(t, `!document.querySelector("[data-do=next]").disabled`)
	screen.Ask[bool](t, v, `document.querySelector("[data-do=next]").click(), true`)
	for begun := time.Now(); calls() != `next{"step":2} next{"step":2}` && time.Since(begun) < 10*time.Second; {
		time.Sleep(20 * time.Millisecond)
	}
	if calls() != `next{"step":2} next{"step":2}` {
		t.Errorf("got %q, want a key and a click", calls())
	}
	v.Quiet(t)
	screen.Ask[bool](t, v, `[...document.querySelectorAll("#panel-demo button")].at(-1).click(), true`)
	v.Await(t, `document.getElementById("notice").innerText === "it is broken already"`)
	v.Press(t, "?")
	v.Await(t, `document.getElementById("help").open && document.getElementById("keys").innerText.includes("Next")`)
	v.Press(t, "?")
	v.Await(t, `!document.getElementById("help").open`)
	v.Press(t, "t")
	if got := screen.Ask[string](t, v, `document.documentElement.dataset.theme`); got != "light" {
		t.Errorf("got theme %q after t in the dark, want light", got)
	}
	if got := screen.Ask[[]string](t, v, pale); len(got) > 0 {
		t.Errorf("are too pale: %q", got)
	}
	if got := screen.Ask[[]string](t, v, overflowing); len(got) > 0 {
		t.Errorf("overflow the page: %q", got)
	}
}

func TestNoScript(t *testing.T) {
	v := watch(t)
	b := NewBoard(judge.Unseen)
	s := serve(t, Options{Board: b})
	at(t, b, 200, 8500)
	if _, err := chromedp.Call(v.Tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{
		Value: true,
	}); err != nil {
		t.Fatal(err)
	}
	v.Open(t, s.URL(), 1366, "light")
	f := b.Face()
	text := screen.Ask[string](t, v, `document.body.innerText`)
	for _, want := range []string{
		"Without JavaScript there is no drawing", f.Phase, f.Seen, f.Interval, fmt.Sprint(f.Burned), "503 UH", "4 of 4",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page without its script lacks %q: %.1500s", want, text)
		}
	}
}

// A proxy stands between a browser and a server, and can cut what it passes on.
type proxy struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l}
	t.Cleanup(func() { l.Close(); p.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			p.mu.Unlock()
			go func() { _, _ = io.Copy(in, out); in.Close() }()
			go func() { _, _ = io.Copy(out, in); out.Close() }()
		}
	}()
	return p
}

// cut ends all connections, as a browser that sleeps for long finds them.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// TestWakesUp loses its connection and finds it again, with what came meanwhile, once.
func TestWakesUp(t *testing.T) {
	v := watch(t)
	b := NewBoard(judge.Unseen)
	s := serve(t, Options{Board: b})
	at(t, b, 100, 5000)
	address := strings.Split(s.URL(), "/")[2]
	p := newProxy(t, address)
	s.hosts[p.Addr().String()] = true
	v.Open(t, strings.Replace(s.URL(), address, p.Addr().String(), 1), 1366, "light")
	v.Await(t, fmt.Sprintf(`%s === %d`, marked, b.requests))
	p.cut()
	v.Await(t, `document.getElementById("notice").innerText.startsWith("The program that serves this page does not")`)
	b.Restart()
	at(t, b, 100, 8000)
	v.Await(t, fmt.Sprintf(`%s === %d && document.getElementById("notice").hidden`, marked, b.requests))
	// The program ends: the last figures stay.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	v.Await(t, `!document.getElementById("notice").hidden`)
	got := screen.Ask[string](t, v, `document.querySelector("[data-face=phase]").textContent`)
	if got != "canary at 10 %" {
		t.Errorf("got phase %q once the program has ended, want the last one", got)
	}
}

// TestFramesAreCounted has the page say when it draws too few.
func TestFramesAreCounted(t *testing.T) {
	v := watch(t)
	b := NewBoard(judge.Unseen)
	s := serve(t, Options{Board: b})
	at(t, b, 1000, 6000)
	v.Open(t, s.URL(), 1920, "light")
	v.Await(t, `canarylab.fps > 0`)
	fps := screen.Ask[int](t, v, `canarylab.fps`)
	said := screen.Ask[string](t, v, `document.getElementById("fps").textContent`)
	t.Logf("this browser drew %d frames a second", fps)
	if (fps < 57) != strings.Contains(said, fmt.Sprintf("draws %d frames a second, not 60", fps)) {
		t.Errorf("the page draws %d frames a second and says %q", fps, said)
	}
}

// hostile are texts that try to be more than text. All that could run sets window.pwned.
var hostile = []string{
	`<script>window.pwned=1</script>`, `</title><script>window.pwned=1</script>`,
	`"><img src=x onerror=window.pwned=1>`, `</style><script>window.pwned=1</script>`,
	`<meta http-equiv=refresh content="0;url=https://example.com/">`,
	`{{.Style}}${window.pwned=1}`, "\u202eright to left", "\x1b[31mred",
	`<iframe srcdoc="<script>parent.pwned=1</script>">`,
}

// TestHostileTextsStayText has them in every text that comes from outside.
func TestHostileTextsStayText(t *testing.T) {
	v := watch(t)
	all := strings.Join(hostile, " ")
	b := NewBoard(nil)
	s := serve(t, Options{Board: b, Panels: []Panel{{Name: "demo", Title: "Demo"}}})
	r := judged(t, recorded(t, 50))
	r.Scenario, r.Title, r.Run = all, all, all
	for i := range r.Phases {
		r.Phases[i].Did, r.Phases[i].Action = all, nil
	}
	b.Tell(r)
	b.SetClock(func() (time.Time, float64) { return labtrace.At(7000), 0 })
	for _, l := range recorded(t, 50)[1:] {
		switch {
		case l.Event != nil && (l.Event.Kind == trace.Noticed || l.Event.Kind == trace.Synced):
			e := *l.Event
			e.Text, e.Proxy = all, all
			l.Event = &e
		case l.Sample != nil && l.Sample.Seq%5 == 0:
			sample := *l.Sample
			sample.Version, sample.Cohort = all, all
			l.Sample = &sample
		}
		b.Line(l)
	}
	b.Line(trace.Line{Event: &trace.Event{At: labtrace.At(6000), Kind: trace.Trouble, Text: all}})
	if err := s.Publish("demo", all); err != nil {
		t.Fatal(err)
	}
	r.Broken = all
	b.Conclude(r)
	v.Open(t, s.URL(), 1366, "light")
	v.Await(t, `document.getElementById("troubles").children.length > 1`)
	v.Await(t, marked+` > 0`)
	if screen.Ask[bool](t, v, `"pwned" in window`) ||
		screen.Ask[int](t, v, `document.querySelectorAll("img, iframe").length`) != 0 {
		t.Error("a text runs")
	}
	if got := screen.Ask[[]string](t, v, overflowing); len(got) > 0 {
		t.Errorf("overflow the page: %q", got)
	}
	v.Quiet(t)
}
