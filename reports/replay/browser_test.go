package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/reports/html/browser"
	"github.com/canarylab/canarylab/reports/page"
)

// TestReplayInBrowser moves in a replay by keyboard and by mouse.
func TestReplayInBrowser(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tab, stop, err := browser.Start(ctx)
	if errors.Is(err, browser.ErrNone) && os.Getenv("CANARYLAB_REQUIRE_BROWSER") != "1" {
		t.Skipf("%v; with CANARYLAB_REQUIRE_BROWSER=1 this is a failure", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	src, r := recorded(t)
	b := page.NewBoard(nil)
	p, err := New(src, r, b, 1)
	if err != nil {
		t.Fatal(err)
	}
	bar, err := p.Panel()
	if err != nil {
		t.Fatal(err)
	}
	server, err := page.Serve(ctx, page.Options{Board: b, Panels: []page.Panel{bar}, Commands: p.Commands()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	playing, end := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer end()
	parts.Go(func() { _ = p.Run(playing) })
	parts.Go(func() { _ = p.Report(playing, server.Publish) })

	if err := browser.Open(tab, server.URL(), 1366, "light"); err != nil {
		t.Fatal(err)
	}
	is := func(expression string) bool {
		t.Helper()
		got, err := chromedp.Run(tab, chromedp.Evaluate[bool](expression))
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		return got
	}
	await := func(expression string) {
		t.Helper()
		for begun := time.Now(); !is(expression); time.Sleep(50 * time.Millisecond) {
			if time.Since(begun) > 20*time.Second {
				says, _ := chromedp.Run(tab, chromedp.Evaluate[string](`document.body.innerText`))
				t.Fatalf("%s never came about; the page says %.1000s", expression, says)
			}
		}
	}
	key := func(key string) {
		t.Helper()
		is(fmt.Sprintf(`document.body.dispatchEvent(
			new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true})), true`, key))
	}
	phase := func(name string) string {
		return fmt.Sprintf(`document.querySelector("[data-face=phase]").textContent === %q`, name)
	}
	await(`document.querySelector("#panel-replay b").getBoundingClientRect().height > 20 &&
		document.getElementById("replay-phase").options.length === 5`)
	if !is(`getComputedStyle(document.querySelector(".state .live")).display === "none"`) {
		t.Error("a replay says that it is live")
	}
	key(" ")
	await(`document.getElementById("replay-pause").textContent === "Go on"`)
	if !p.Status().Paused {
		t.Error("space does not pause")
	}
	key("ArrowRight")
	await(`document.getElementById("replay-at").textContent.startsWith("paused 0:04.0")`)
	key("ArrowRight")
	await(`document.getElementById("replay-at").textContent.startsWith("paused 0:09.0") && ` +
		`Number(document.querySelector("[data-number=burned]").textContent) > 0`)
	key("ArrowLeft")
	key("+")
	await(`document.getElementById("replay-speed").value === "2"`)
	is(`(() => { const s = document.getElementById("replay-phase"); s.value = "5";
		s.dispatchEvent(new Event("change")); document.getElementById("replay-pause").click(); return true; })()`)
	await(phase("canary at 10 % again"))
	await(fmt.Sprintf(`document.querySelector("[data-face=outcome]").textContent === %q`, r.Outcome))
	await(`document.getElementById("replay-pause").textContent === "Again"`)
	if got := b.Face(); got.Requests != r.Accounting.Requests {
		t.Errorf("got %d requests at the end, want %d", got.Requests, r.Accounting.Requests)
	}
	is(`document.getElementById("replay-pause").click(), true`)
	await(phase("baseline"))
	title, err := chromedp.Run(tab, chromedp.Evaluate[string](`document.title`))
	if err != nil || !strings.Contains(title, "REPLAY") {
		t.Errorf("got title %q, %v, want it to say that it is a replay", title, err)
	}
}
