package html

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/html/browser"
	"github.com/canarylab/canarylab/reports/html/browser/screen"
)

// widths are a phone's, a tablet's and a desktop's, in pixels.
var widths = []int64{390, 820, 1440}

// show shows a page, and returns its address. What it complains about fails the test.
func show(t *testing.T, v *screen.Viewer, html string, width int64, scheme string) (url string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), File)
	if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	url = "file://" + file
	v.Open(t, url, width, scheme)
	v.Quiet(t)
	return url
}

// overflowing lists what is wider than the window.
var overflowing = screen.Overflowing(".wide, .scroll, .code, .cmd, nav")

// overlapping lists labels that lie over others.
const overlapping = `(() => {
	const bad = [];
	for (const axis of document.querySelectorAll(".xaxis, .yaxis")) {
		const boxes = [...axis.querySelectorAll("text")]
			.map(e => [e.textContent, e.getBoundingClientRect()]).filter(b => b[1].width > 0);
		for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
			const [a, b] = [boxes[i][1], boxes[j][1]];
			if (a.left < b.right && b.left < a.right && a.top < b.bottom - 2 && b.top < a.bottom - 2)
				bad.push(boxes[i][0] + " over " + boxes[j][0]);
		}
	}
	return bad.slice(0, 5);
})()`

func TestInBrowser(t *testing.T) {
	v := screen.NewViewer(t)
	all := runs(t)
	all["long"] = &reports.Run{Report: long()}
	shared, err := filepath.Glob("../testdata/runs/*")
	if err != nil || len(shared) == 0 {
		t.Fatalf("got no run in ../testdata/runs: %v", err)
	}
	for _, dir := range shared {
		run, err := reports.OpenRun(dir)
		if err != nil {
			t.Fatal(err)
		}
		all["shared "+filepath.Base(dir)] = run
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			show(t, v, draw(t, all[name]), widths[0], "light")
			for _, folded := range []bool{true, false} {
				if !folded {
					screen.Ask[bool](t, v, `document.querySelectorAll("details").forEach(d => d.open = true), true`)
				}
				for _, width := range widths {
					for _, scheme := range []string{"light", "dark"} {
						if err := browser.Look(v.Tab, width, scheme); err != nil {
							t.Fatal(err)
						}
						checks := map[string]string{"overflow the page": overflowing, "labels overlap": overlapping}
						if !folded && width == widths[0] {
							checks["are too pale"] = screen.Pale("script, title, #tip")
						}
						for what, script := range checks {
							if got := screen.Ask[[]string](t, v, script); len(got) > 0 {
								t.Errorf("%d %s (folded: %v): %s: %q", width, scheme, folded, what, got)
							}
						}
					}
				}
			}
			v.Quiet(t)
		})
	}
}

func TestHoverAndKeys(t *testing.T) {
	v := screen.NewViewer(t)
	show(t, v, draw(t, storyRun(t, story(t))), 1440, "light")
	screen.Ask[bool](t, v, `(() => {
		const c = document.querySelector("#timeline .chart"), b = c.getBoundingClientRect();
		c.dispatchEvent(new PointerEvent("pointermove", {clientX: b.left + b.width * .4, clientY: b.top + 50}));
		return true; })()`)
	if got := screen.Ask[string](
		t, v, `document.getElementById("tip").hidden ? "hidden" : document.getElementById("tip").innerText`,
	); !strings.Contains(got, "6.4 s – 6.5 s") || !strings.Contains(got, "503 UH") {
		t.Errorf("got tooltip %q, want the numbers of 6.4 s", got)
	}
	screen.Ask[bool](
		t, v,
		`document.querySelector("#timeline .chart")
			.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", cancelable: true})), true`,
	)
	got := screen.Ask[string](t, v, `document.getElementById("tip").innerText`)
	if !strings.Contains(got, "6.5 s – 6.6 s") {
		t.Errorf("got tooltip %q, want the numbers of 6.5 s", got)
	}
	screen.Ask[bool](t, v, `document.querySelector("#timeline .chart")
		.dispatchEvent(new PointerEvent("pointerleave")), true`)
	if !screen.Ask[bool](t, v, `document.getElementById("tip").hidden`) {
		t.Error("the tooltip stays when the pointer has left")
	}
	before := screen.Ask[float64](t, v, `document.querySelector("#timeline .chart").getBoundingClientRect().width`)
	screen.Ask[bool](t, v, `document.querySelector("label[for=z3]").click(), true`)
	after := screen.Ask[float64](t, v, `document.querySelector("#timeline .chart").getBoundingClientRect().width`)
	if after < 2.9*before {
		t.Errorf("the chart is %.0f wide after zooming and %.0f before, want three times as much", after, before)
	}
	if got := screen.Ask[[]string](t, v, overflowing); len(got) > 0 {
		t.Errorf("overflow the page when zoomed: %q", got)
	}
	v.Quiet(t)
}

func TestNeedsNoScript(t *testing.T) {
	v := screen.NewViewer(t)
	html := draw(t, storyRun(t, story(t)))
	url := show(t, v, html, 1440, "light")
	with, err := browser.Picture(v.Tab, 1440, 2400)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(
		v.Tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true},
	); err != nil {
		t.Fatal(err)
	}
	if err := browser.Open(v.Tab, url, 1440, "light"); err != nil {
		t.Fatal(err)
	}
	without, err := browser.Picture(v.Tab, 1440, 2400)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(with, without) {
		t.Errorf("the page looks different without its script (%d and %d bytes of picture)", len(with), len(without))
	}
}

func TestPrint(t *testing.T) {
	v := screen.NewViewer(t)
	show(t, v, draw(t, storyRun(t, story(t))), 820, "dark")
	if _, err := chromedp.Call(v.Tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: "print",
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(
		v.Tab, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: 718, Height: 1000, DeviceScaleFactor: 1},
	); err != nil {
		t.Fatal(err)
	}
	if got := screen.Ask[[]string](t, v, overflowing); len(got) > 0 {
		t.Errorf("overflow the paper: %q", got)
	}
	if got := screen.Ask[string](t, v, `getComputedStyle(document.body).backgroundColor`); got != "rgb(255, 255, 255)" {
		t.Errorf("the paper is %s, want it white also for those who read in the dark", got)
	}
	folded := screen.Ask[[]string](
		t, v,
		`[...document.querySelectorAll("details:not([open]) > :not(summary)")]
			.filter(e => e.getBoundingClientRect().height < 5).map(e => e.textContent.slice(0, 40))`,
	)
	if len(folded) > 0 {
		t.Errorf("stay folded on paper: %q", folded)
	}
	pdf, err := chromedp.Run(v.Tab, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(pdf, []byte("%PDF")) || len(pdf) < 20_000 {
		t.Errorf("got %d bytes of PDF", len(pdf))
	}
	v.Quiet(t)
}

// hostile are texts that try to be more than text. All that could run sets window.pwned.
var hostile = []string{
	`<script>window.pwned=1</script>`,
	`</title><script>window.pwned=1</script>`,
	`</style><script>window.pwned=1</script>`,
	`</script><script>window.pwned=1</script>`,
	`"><img src=x onerror=window.pwned=1>`,
	`' onmouseover='window.pwned=1' x='`,
	"\" autofocus onfocus=window.pwned=1 x=\"",
	`<svg/onload=window.pwned=1>`,
	`</svg><svg><script>window.pwned=1</script></svg>`,
	`<svg><animate onbegin=window.pwned=1 attributeName=x dur=1s>`,
	`<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>`,
	`<a href="javascript:window.pwned=1">x</a>`,
	`javascript:window.pwned=1`,
	`<meta http-equiv=refresh content="0;url=https://example.com/">`,
	`<base href=https://example.com/>`,
	`<link rel=stylesheet href=https://example.com/x.css>`,
	`<img src=https://example.com/x.png>`,
	`}*{background:url(https://example.com/x.png)}`,
	`--><script>window.pwned=1</script><!--`,
	`]]><script>window.pwned=1</script><![CDATA[`,
	`&lt;script&gt;window.pwned=1&lt;/script&gt;`,
	`&#60;script&#62;window.pwned=1&#60;/script&#62;`,
	`{{.Policy}}{{template "phase" .}}{{js "x"}}`,
	"${window.pwned=1}`;window.pwned=1;`",
	`';window.pwned=1;//`,
	`\u003cscript\u003ewindow.pwned=1\u003c/script\u003e`,
	"<scr\x00ipt>window.pwned=1</scr\x00ipt>",
	"\x00\x01\x02\x1b[31m\x7f",
	"version: v1 \u202e# 2v :noisrev\u202c \u2066x\u2069 \u200f",
	"\ufeff\u2028\u2029window.pwned=1",
	"\xff\xfe\xf0\x28\x8c\x28",
	strings.Repeat("long", 2000),
	strings.Repeat("ﷺ", 300),
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.pwned=1&gt;">`,
	`<noscript><p title="</noscript><img src=x onerror=window.pwned=1>">`,
	`<template><script>window.pwned=1</script></template>`,
	`<plaintext>`,
	`<textarea>`,
}

func TestHostileTextStaysText(t *testing.T) {
	v := screen.NewViewer(t)
	show(t, v, draw(t, &reports.Run{Report: story(t), Problems: []string{"x"}}), 820, "light")
	const shape = `[document.scripts.length, document.styleSheets.length,
		document.querySelectorAll("main > section").length, document.querySelectorAll("article.phase").length,
		document.querySelectorAll("iframe, img, object, embed, foreignObject, base, link, form, textarea, " +
			"plaintext, template, noscript, math, meta[http-equiv=refresh]").length]`
	want := screen.Ask[[]int](t, v, shape)
	if want[0] != 1 || want[4] != 0 {
		t.Fatalf("got %v of the page itself, want one script and nothing that fetches", want)
	}
	for i, text := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			report := story(t)
			for i := range report.Phases[2:] {
				report.Phases[2+i].Observation.Closeup = nil // they take most of the time
			}
			poison(reflect.ValueOf(report).Elem(), text)
			run := &reports.Run{Report: report, Problems: []string{text}}
			show(t, v, draw(t, run), widths[i%len(widths)], "light")
			screen.Ask[bool](t, v, `(() => { for (const e of document.querySelectorAll("*"))
				for (const k of ["mouseover", "mouseenter", "focus", "click", "load", "error", "toggle", "pointermove"])
				if (!(e instanceof HTMLAnchorElement && e.getAttribute("href")[0] === "#"))
					e.dispatchEvent(new Event(k, {bubbles: true})); return true; })()`)
			if screen.Ask[bool](t, v, `"pwned" in window`) {
				t.Errorf("%.40q runs", text)
			}
			if got := screen.Ask[[]int](t, v, shape); !slices.Equal(got[:3], want[:3]) || got[4] != 0 {
				t.Errorf("%.40q makes the page %v, want %v", text, got, want)
			}
			handlers := screen.Ask[[]string](
				t, v,
				`[...document.querySelectorAll("*")].filter(e => !e.matches("#tip, .cursor"))
				.flatMap(e => [...e.attributes]).filter(a => a.name.startsWith("on") || a.name === "style"
					|| /^\s*(javascript|data|https?):/i.test(a.value) && /^(href|src|xlink:href|action)$/.test(a.name))
				.map(a => a.name + "=" + a.value.slice(0, 60))`,
			)
			if len(handlers) > 0 {
				t.Errorf("%.40q becomes attributes: %q", text, handlers)
			}
			if got := screen.Ask[[]string](t, v, overflowing); len(got) > 0 {
				t.Errorf("%.40q makes the page overflow: %q", text, got)
			}
			if n := screen.Ask[int](
				t, v,
				`(document.documentElement.outerHTML.match(/[\u202a-\u202e\u2066-\u2069\u200e\u200f]/g) || []).length`,
			); n > 0 {
				t.Errorf("%.40q: %d characters turn the text around them", text, n)
			}
			v.Quiet(t)
		})
	}
}

func TestHostileManifestStaysText(t *testing.T) {
	v := screen.NewViewer(t)
	all := strings.Join(hostile, "\n")
	for _, manifest := range []string{
		all, canary + all, "a: &a [x,x]\nb: &b [*a,*a,*a]\nkind: {*b : [*b,*b]}\n" + all,
	} {
		show(
			t, v,
			draw(t, open(
				t, story(t),
				map[string]string{
					"1-baseline.yaml": baseline, "2-canary.yaml": manifest, "3-fixed.yaml": manifest,
					"callers.yaml": all,
				},
			)),
			390, "light",
		)
		if screen.Ask[bool](t, v, `"pwned" in window`) || screen.Ask[int](t, v, `document.scripts.length`) != 1 {
			t.Error("a manifest runs")
		}
		if got := screen.Ask[[]string](t, v, overflowing); len(got) > 0 {
			t.Errorf("a manifest makes the page overflow: %q", got)
		}
		v.Quiet(t)
	}
}

// poison puts text in the place of every text below v, keys of maps included.
func poison(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(text)
		}
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			poison(v.Elem(), text)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			poison(v.Field(i), text)
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), text)
		}
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return
		}
		for i, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			poison(value, text)
			v.SetMapIndex(key, reflect.Value{})
			name := text
			if i > 0 {
				name = fmt.Sprintf("%s%d", text, i)
			}
			v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), value)
		}
	}
}
