// Package browser starts a headless Chromium for tests of the page and for its pictures. The program itself
// never needs one.
package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"os"
	"os/exec"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// ErrNone is wrapped where there is no browser.
var ErrNone = errors.New("there is no Chromium: install it (on Debian: apt-get install chromium)")

// Start starts a browser of its own, with an empty profile that is removed with it. What runs in the returned
// context runs in its first tab. stop ends the browser.
func Start(ctx context.Context) (tab context.Context, stop func(), err error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "headless-shell"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, nil, ErrNone
	}
	profile, err := os.MkdirTemp("", "canarylab-browser-*")
	if err != nil {
		return nil, nil, fmt.Errorf("make a browser's profile: %w", err)
	}
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options, chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoFirstRun,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses root
	}
	allocator, end := chromedp.NewExecAllocator(ctx, options...)
	tab, closeTab := chromedp.NewContext(allocator)
	stop = func() {
		closeTab()
		end()
		_ = os.RemoveAll(profile)
	}
	if err := chromedp.Do(tab); err != nil {
		stop()
		return nil, nil, fmt.Errorf("start %s: %w", path, err)
	}
	return tab, stop, nil
}

// Open opens a page in a window of a width, in pixels, and in a color scheme: light or dark.
func Open(tab context.Context, url string, width int64, scheme string) error {
	if err := Look(tab, width, scheme); err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.Navigate(url)); err != nil {
		return fmt.Errorf("open %s: %w", url, err)
	}
	return nil
}

// Look changes the width and the color scheme of what is open.
func Look(tab context.Context, width int64, scheme string) error {
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme},
	}}
	if _, err := chromedp.Call(tab, emulation.SetEmulatedMedia, media); err != nil {
		return fmt.Errorf("set the color scheme %s: %w", scheme, err)
	}
	window := emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 600,
	}
	if _, err := chromedp.Call(tab, emulation.SetDeviceMetricsOverride, window); err != nil {
		return fmt.Errorf("set the width %d: %w", width, err)
	}
	return nil
}

// Picture is a PNG of the open page, from its top down to a height in pixels; 0 is all of it.
func Picture(tab context.Context, width, height int64) ([]byte, error) {
	if height == 0 {
		layout, err := chromedp.Call(tab, page.GetLayoutMetrics, cdp.Empty{})
		if err != nil {
			return nil, fmt.Errorf("measure the page: %w", err)
		}
		height = int64(layout.CSSContentSize.Height)
	}
	beyond := true
	shot := page.CaptureScreenshotParams{
		Clip: &page.Viewport{Width: float64(width), Height: float64(height), Scale: 1}, CaptureBeyondViewport: &beyond,
	}
	got, err := chromedp.Call(tab, page.CaptureScreenshot, shot)
	if err != nil {
		return nil, fmt.Errorf("take a picture: %w", err)
	}
	return got.Data, nil
}

// Save writes a PNG to a file, compressed as far as it goes, and returns its size in bytes.
func Save(path string, picture []byte) (size int, err error) {
	image, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return 0, fmt.Errorf("read the picture: %w", err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, image); err != nil {
		return 0, fmt.Errorf("compress the picture: %w", err)
	}
	if err := os.WriteFile(path, small.Bytes(), 0o644); err != nil {
		return 0, fmt.Errorf("write a picture: %w", err)
	}
	return small.Len(), nil
}
