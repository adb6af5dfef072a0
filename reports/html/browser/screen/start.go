// Package screen looks at pages in a browser, for tests: what a page says, what it complains about, and what no
// page may have.
package screen

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/html/browser"
)

const (
	// required is the variable that makes a missing browser a failure: CI has one.
	required = "CANARYLAB_REQUIRE_BROWSER"
	// within bounds all that a test does in its browser.
	within = 4 * time.Minute
)

// Start starts a browser for a test, and returns the context of its tab. It skips the test where there is no browser.
func Start(t *testing.T) (tab context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	tab, stop, err := browser.Start(ctx)
	if err != nil {
		cancel()
		if errors.Is(err, browser.ErrNone) && os.Getenv(required) != "1" {
			t.Skipf("%v; with %s=1 this is a failure", err, required)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); cancel() })
	return tab
}
