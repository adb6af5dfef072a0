package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/html/browser/screen"
	"github.com/canarylab/canarylab/reports/trace"
)

// cut is a script that lists texts which reach out of the box that they are in, but for those in something that
// scrolls, and in tables words that are broken and rows that are none.
const cut = `(() => {
	const bad = new Set(), box = "section, .figures dl > div, header, button";
	document.querySelector("[data-face=asked]").textContent = "≤ 50 %"; // the widest that stories ask
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = walk.nextNode();) {
		const e = n.parentElement;
		const unseen = e.closest("script, style, noscript, .heard, dialog, details:not([open]) > :not(summary)");
		if (!n.data.trim() || unseen) continue;
		const range = document.createRange();
		range.selectNodeContents(n);
		if (e.closest("td, th") && range.getClientRects().length > n.data.trim().split(/\s+|(?<=-)/).length)
			bad.add(n.data.trim() + " is broken");
		for (const r of range.getClientRects()) {
			for (let p = e; p; p = p.parentElement) {
				const style = getComputedStyle(p), b = p.getBoundingClientRect();
				if (style.overflowX === "auto" || style.overflowX === "scroll") break;
				if (!p.matches(box) && style.overflowX === "visible") continue;
				if (r.left < b.left - 1 || r.right > b.right + 1 || r.bottom > b.bottom + 1 || r.top < b.top - 1)
					bad.add(n.data.trim().slice(0, 40) + " in " + p.tagName + "." + p.className + "#" + p.id);
			}
		}
	}
	for (const row of document.querySelectorAll("tr"))
		if (new Set([...row.cells].map(c => c.getBoundingClientRect().top)).size > 1)
			bad.add(row.innerText + " is no row");
	return [...bad].slice(0, 8);
})()`

// below is a script that lists the parts of a page which end below the first screen.
const below = `["section.now", ".figures"].concat(innerHeight < 1000 ? [] : ["#river"]).filter(
	s => document.querySelector(s).getBoundingClientRect().bottom > innerHeight)`

// playedTo shows a page the second phase of label-mismatch, with wide figures: many requests, of which many fail.
func playedTo(t *testing.T, p *livePage) {
	t.Helper()
	const folder = "../../reports/testdata/runs/label-mismatch"
	r, err := reports.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	p.board.Tell(r)
	now := time.Now()
	event := func(before time.Duration, phase int, kind trace.Kind) {
		p.board.Line(trace.Line{Event: &trace.Event{
			At: now.Add(-before), Kind: kind, Phase: r.Phases[phase].Name, Text: r.Phases[phase].Did,
		}})
	}
	event(20*time.Second, 0, trace.PhaseStart)
	event(20*time.Second, 0, trace.Settled)
	event(15*time.Second, 1, trace.PhaseStart)
	event(15*time.Second, 1, trace.Writing)
	event(14*time.Second, 1, trace.Settled)
	for i := range 20_000 {
		sent := now.Add(time.Duration(i-20_000) * time.Millisecond)
		s := loadgen.Sample{
			ID: fmt.Sprint(r.Setup.Load.Run, "-everyone-", i), Cohort: "everyone", Seq: uint64(i), Due: sent,
			Sent: sent, Done: sent.Add(time.Millisecond), Code: 200, Version: "v1",
		}
		if i%3 == 0 {
			s.Code, s.Version = 503, ""
		}
		p.board.Line(trace.Line{Sample: &s})
		if s.Code == 503 {
			p.board.Line(trace.Line{Log: &trace.LogEntry{
				ID: s.ID, Proxy: "load-client", Start: sent, Code: 503, Flags: []string{"UH"}, Attempts: 1,
				Details: "no_healthy_upstream", Cluster: "outbound|80|v2|my-service.label-mismatch.svc.cluster.local",
			}})
		}
	}
}

// presented is the page of somebody who presents label-mismatch, in its second phase, and what that one decides.
func presented(t *testing.T) (*livePage, <-chan harness.Move) {
	t.Helper()
	s, err := find("label-mismatch")
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDemoPage(t.Context(), s, t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	moves := make(chan harness.Move, 1)
	go func() {
		defer close(moves)
		move, err := d.presenter.Next(ctx, harness.Playing{
			Phase: 1, Name: s.Phases[1].Name, Rate: 400, Most: 450, Ready: make(chan struct{}),
		})
		if err == nil {
			moves <- move
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range moves {
		}
	})
	return d.livePage, moves
}

// The slider goes up to what the machine carries, says that nobody can type it, and sets the rate.
func TestRateSlider(t *testing.T) {
	v := screen.NewViewer(t)
	p, moves := presented(t)
	defer p.Close()
	v.Open(t, p.URL(), 1366, "light")
	const slider = `document.querySelector("[data-demo=rate]")`
	v.Await(t, slider+`.value === "400" && `+slider+`.max === "450" && !`+slider+`.disabled`)
	screen.Ask[bool](t, v, `(e => {
		e.value = 60; e.dispatchEvent(new Event("input", {bubbles: true})); return true; })(`+slider+`)`)
	v.Await(t, `document.querySelector(".demo-lines").innerText.startsWith("There is no kubectl for it")`)
	screen.Ask[bool](t, v, slider+`.dispatchEvent(new Event("change", {bubbles: true}))`)
	if move := <-moves; move.Try == nil || move.Try.Do.String() != "send 60 requests a second" {
		t.Errorf("got %+v, want another rate to be tried", move)
	}
	v.Await(t, slider+`.value === "60"`)
	v.Quiet(t)
}

// Beside the panels of a presenter and of a mission nothing is cut, from a projector to a telephone, and on a screen
// the figures are seen without scrolling.
func TestNothingIsCutBesidePanels(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *livePage{
		"demo": func(t *testing.T) *livePage {
			p, _ := presented(t)
			return p
		},
		"train": func(t *testing.T) *livePage {
			p, err := newMissionPage(t.Context(), "", "Mission", &training.Trainer{})
			if err != nil {
				t.Fatal(err)
			}
			long := "Task: no request fails, and 10 % of all requests answered by v2, 90 % of all requests answered " +
				"by v1.\nbroken: 503 UH for 33.3 % of all; outbound|80|v2|my-service.shop.svc.cluster.local has none"
			if err := p.Publish(missionPanel, strings.Repeat(long+"\n", 4)); err != nil {
				t.Fatal(err)
			}
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := screen.NewViewer(t)
			p := open(t)
			defer p.Close()
			playedTo(t, p)
			v.Open(t, p.URL(), 1920, "light")
			v.Await(t, `document.getElementById("pips") && canarylab.lanes().length > 0 &&
				[...document.querySelectorAll(".demo-ways code, #panel-mission pre")].some(e => e.textContent)`)
			for _, size := range [][2]int64{{1920, 1080}, {1366, 768}, {390, 844}} {
				window := emulation.SetDeviceMetricsOverrideParams{
					Width: size[0], Height: size[1], DeviceScaleFactor: 1, Mobile: size[0] < 600,
				}
				if _, err := chromedp.Call(v.Tab, emulation.SetDeviceMetricsOverride, window); err != nil {
					t.Fatal(err)
				}
				scripts := map[string]string{"cut": cut, "wider than the window": screen.Overflowing(".tables, .heard")}
				if size[0] > 1000 {
					scripts["below the first screen"] = below
				}
				for what, script := range scripts {
					if got := screen.Ask[[]string](t, v, script); len(got) > 0 {
						t.Errorf("%d x %d: %s: %q", size[0], size[1], what, got)
					}
				}
			}
			v.Quiet(t)
		})
	}
}
