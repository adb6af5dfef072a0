package screen

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/reports/html/browser"
)

// awaited is how long Await waits.
const awaited = 20 * time.Second

// A Viewer is a browser that keeps what a page complains about: errors, warnings, violations of its policy, and
// requests to anywhere but the page itself.
type Viewer struct {
	// Tab is the context of the browser's tab.
	Tab context.Context
	// Tolerates is a text that makes a warning none, such as one about the test's own way to look. Empty for none.
	Tolerates string

	mu         sync.Mutex
	complaints []string
	url        string
}

// NewViewer starts a browser as Start does.
func NewViewer(t *testing.T) *Viewer {
	t.Helper()
	v := &Viewer{Tab: Start(t)}
	if err := chromedp.Listen(v.Tab, v.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(v.Tab, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	const watch = `window.violations = []; addEventListener("securitypolicyviolation",
		e => violations.push(e.violatedDirective + " " + e.blockedURI + " " + e.sample));`
	if _, err := chromedp.Call(v.Tab, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: watch}); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *Viewer) hear(event any) {
	complaint := ""
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		complaint = fmt.Sprintf("console.%s", e.Type)
	case *runtime.EventExceptionThrown:
		complaint = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			complaint += " " + e.ExceptionDetails.Exception.Description
		}
	case *log.EventEntryAdded:
		if v.Tolerates == "" || !strings.Contains(e.Entry.Text, v.Tolerates) {
			complaint = fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		if !v.own(e.Request.URL) {
			complaint = "request to " + e.Request.URL
		}
	}
	if complaint != "" {
		v.complaints = append(v.complaints, complaint)
	}
}

// own tells whether an address is the page's: itself, or below it where it is a folder.
func (v *Viewer) own(url string) bool {
	return url == v.url || strings.HasSuffix(v.url, "/") && strings.HasPrefix(url, v.url)
}

// Open shows a page, as browser.Open does. What was complained about before is forgotten.
func (v *Viewer) Open(t *testing.T, url string, width int64, scheme string) {
	t.Helper()
	v.mu.Lock()
	v.url, v.complaints = url, nil
	v.mu.Unlock()
	if err := browser.Open(v.Tab, url, width, scheme); err != nil {
		t.Fatal(err)
	}
}

// Quiet fails the test with what the page complained about.
func (v *Viewer) Quiet(t *testing.T) {
	t.Helper()
	if got := Ask[[]string](t, v, `window.violations`); len(got) > 0 {
		t.Errorf("the page violates its policy: %q", got)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.complaints) > 0 {
		t.Errorf("the page complains: %q", v.complaints)
	}
}

// Ask evaluates an expression in the page.
func Ask[T any](t *testing.T, v *Viewer, expression string) T {
	t.Helper()
	got, err := chromedp.Run(v.Tab, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return got
}

// Await waits until an expression is true in the page.
func (v *Viewer) Await(t *testing.T, expression string) {
	t.Helper()
	for begun := time.Now(); !Ask[bool](t, v, expression); time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > awaited {
			t.Fatalf("%s never came about; the page says %.1500s",
				expression, Ask[string](t, v, `document.body.innerText`))
		}
	}
}

// Press presses a key.
func (v *Viewer) Press(t *testing.T, key string) {
	t.Helper()
	Ask[bool](t, v, fmt.Sprintf(`(document.activeElement || document.body).dispatchEvent(
		new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true})), true`, key))
}
