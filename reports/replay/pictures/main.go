// Command pictures replays a run and takes pictures of the live page, for the documentation.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/html/browser"
	"github.com/canarylab/canarylab/reports/page"
	"github.com/canarylab/canarylab/reports/replay"
	"github.com/canarylab/canarylab/reports/trace"
)

func main() {
	out := flag.String("out", "docs", "folder for the pictures")
	at := flag.Duration("at", 8*time.Second, "the moment, from the beginning of the load")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: pictures [flags] RUN, where RUN is a run's folder below reports/out")
		os.Exit(64)
	}
	// What a live page looks like is shown without the bar of a replay.
	live := take(flag.Arg(0), *out, *at, false, []look{
		{"live-light", "light", 1920, 1080}, {"live-dark", "dark", 1920, 1080}, {"live-phone", "light", 390, 844},
	})
	replayed := take(flag.Arg(0), *out, *at, true, []look{{"replay", "light", 1920, 1080}})
	if err := errors.Join(live, replayed); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// A look is a window to take a picture of.
type look struct {
	name, scheme  string
	width, height int64
}

// take takes pictures of a moment of a run, with the bar of a replay or without.
func take(dir, out string, at time.Duration, bar bool, looks []look) (err error) {
	run, err := reports.OpenRun(dir)
	if err != nil {
		return err
	}
	path, err := trace.Find(dir)
	if err != nil {
		return err
	}
	board := page.NewBoard(nil)
	player, err := replay.New(trace.FileSource(path), run.Report, board, 1)
	if err != nil {
		return err
	}
	o := page.Options{Board: board}
	if bar {
		panel, err := player.Panel()
		if err != nil {
			return err
		}
		o.Panels, o.Commands = []page.Panel{panel}, player.Commands()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	server, err := page.Serve(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	parts.Go(func() { _ = player.Run(ctx) })
	parts.Go(func() { _ = player.Report(ctx, server.Publish) })
	moment := fmt.Appendf(nil, `{"atMs": %d}`, at.Milliseconds())
	if _, err := player.Commands()["replay-jump"](ctx, moment); err != nil {
		return err
	}
	if _, err := player.Commands()["replay-pause"](ctx, []byte(`{"paused": true}`)); err != nil {
		return err
	}
	tab, stop, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, l := range looks {
		if err := l.shoot(tab, server.URL(), out); err != nil {
			return err
		}
	}
	return nil
}

// shoot takes a picture of the page in a window.
func (l look) shoot(tab context.Context, url, out string) error {
	if err := browser.Open(tab, url, l.width, l.scheme); err != nil {
		return err
	}
	window := emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 600,
	}
	if _, err := chromedp.Call(tab, emulation.SetDeviceMetricsOverride, window); err != nil {
		return fmt.Errorf("set the window's size: %w", err)
	}
	// The feed comes ten times a second, and what is drawn is drawn at once.
	select {
	case <-time.After(2 * time.Second):
	case <-tab.Done():
		return tab.Err()
	}
	// A picture of more than the window would lay the page out for another one.
	got, err := chromedp.Call(tab, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{})
	if err != nil {
		return fmt.Errorf("take a picture: %w", err)
	}
	path := filepath.Join(out, l.name+".png")
	size, err := browser.Save(path, got.Data)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d kB\n", path, (size+999)/1000)
	return nil
}
