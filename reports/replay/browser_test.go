package replay

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/canarylab/canarylab/reports/html/browser/screen"
	"github.com/canarylab/canarylab/reports/page"
)

// TestReplayInBrowser moves in a replay by keyboard and by mouse.
func TestReplayInBrowser(t *testing.T) {
	v := screen.NewViewer(t)
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
	server, err := page.Serve(t.Context(), page.Options{Board: b, Panels: []page.Panel{bar}, Commands: p.Commands()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	playing, end := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer end()
	parts.Go(func() { _ = p.Run(playing) })
	parts.Go(func() { _ = p.Report(playing, server.Publish) })

	v.Open(t, server.URL(), 1366, "light")
	phase := func(name string) string {
		return fmt.Sprintf(`document.querySelector("[data-face=phase]").textContent === %q`, name)
	}
	v.Await(t, `document.querySelector("#panel-replay b").getBoundingClientRect().height > 20 &&
		document.getElementById("replay-phase").options.length === 5`)
	if !screen.Ask[bool](t, v, `getComputedStyle(document.querySelector(".state .live")).display === "none"`) {
		t.Error("a replay says that it is live")
	}
	v.Press(t, " ")
	v.Await(t, `document.getElementById("replay-pause").textContent === "Go on"`)
	if !p.Status().Paused {
		t.Error("space does not pause")
	}
	v.Press(t, "ArrowRight")
	v.Await(t, `document.getElementById("replay-at").textContent.startsWith("paused 0:04.0")`)
	v.Press(t, "ArrowRight")
	v.Await(t, `document.getElementById("replay-at").textContent.startsWith("paused 0:09.0") && `+
		`Number(document.querySelector("[data-number=burned]").textContent) > 0`)
	v.Press(t, "ArrowLeft")
	v.Press(t, "+")
	v.Await(t, `document.getElementById("replay-speed").value === "2"`)
	screen.Ask[bool](t, v, `(() => { const s = document.getElementById("replay-phase"); s.value = "5";
		s.dispatchEvent(new Event("change")); document.getElementById("replay-pause").click(); return true; })()`)
	v.Await(t, phase("canary at 10 % again"))
	v.Await(t, fmt.Sprintf(`document.querySelector("[data-face=outcome]").textContent === %q`, r.Outcome))
	v.Await(t, `document.getElementById("replay-pause").textContent === "Again"`)
	if got := b.Face(); got.Requests != r.Accounting.Requests {
		t.Errorf("got %d requests at the end, want %d", got.Requests, r.Accounting.Requests)
	}
	screen.Ask[bool](t, v, `document.getElementById("replay-pause").click(), true`)
	v.Await(t, phase("baseline"))
	if title := screen.Ask[string](t, v, `document.title`); !strings.Contains(title, "REPLAY") {
		t.Errorf("got title %q, want it to say that it is a replay", title)
	}
}
