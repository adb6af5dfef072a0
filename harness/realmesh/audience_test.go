package realmesh

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/canarylab/canarylab/reports/html/browser"
)

// An audience are the browsers that have the page open.
type audience struct {
	url  string
	tabs []context.Context
	stop []func()
}

// come opens the page in new browsers, or has as many read what the page is told.
func (a *audience) come(ctx context.Context, who string) error {
	if who == readers {
		return a.read(ctx)
	}
	for range watching {
		tab, stop, err := browser.Start(ctx)
		if err != nil {
			return err
		}
		a.tabs, a.stop = append(a.tabs, tab), append(a.stop, stop)
		if who != asIs {
			more := emulation.SetHardwareConcurrencyOverrideParams{HardwareConcurrency: 8}
			if _, err := chromedp.Call(tab, emulation.SetHardwareConcurrencyOverride, more); err != nil {
				return fmt.Errorf("tell a page of more processors: %w", err)
			}
		}
		if err := browser.Open(tab, a.url, 1366, "light"); err != nil {
			return err
		}
		const count = `window.drawnAt = [], canarylab.seen = drawn => { drawnAt.push([Date.now(), drawn.n]); }, true`
		if _, err := chromedp.Run(tab, chromedp.Evaluate[bool](count)); err != nil {
			return fmt.Errorf("count the frames of a page: %w", err)
		}
	}
	return nil
}

func (a *audience) leave() {
	for _, stop := range a.stop {
		stop()
	}
	a.tabs, a.stop = nil, nil
}

// read asks for what browsers are told, and draws nothing.
func (a *audience) read(ctx context.Context) error {
	for range watching {
		ctx, cancel := context.WithCancel(ctx)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"feed", nil)
		if err != nil {
			cancel()
			return fmt.Errorf("ask for a page's feed: %w", err)
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			cancel()
			return fmt.Errorf("ask for a page's feed: %w", err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
		}()
		a.stop = append(a.stop, func() { cancel(); <-done })
	}
	return nil
}

// processorTime is what this process has taken, which is the lab, and what the browsers that it started have.
func processorTime() (lab, browsers time.Duration) {
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err == nil {
		lab = time.Duration(use.Utime.Nano() + use.Stime.Nano())
	}
	all, err := procfs.AllProcs()
	if err != nil {
		return lab, 0
	}
	parents, took := map[int]int{}, map[int]time.Duration{}
	for _, p := range all {
		if stat, err := p.Stat(); err == nil {
			parents[p.PID] = stat.PPID
			took[p.PID] = time.Duration(stat.CPUTime() * float64(time.Second))
		}
	}
	for pid := range parents {
		for up := parents[pid]; up > 1; up = parents[up] {
			if up == os.Getpid() {
				browsers += took[pid]
				break
			}
		}
	}
	return lab, browsers
}
