// Command pictures draws the report.html of a run's folder and takes pictures of it, for the README.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/reports/html/browser"
)

func main() {
	out := flag.String("out", "docs", "folder for the pictures")
	name := flag.String("name", "report", "beginning of the pictures' names")
	width := flag.Int64("width", 1120, "width of the window, in pixels")
	height := flag.Int64("height", 1180, "height of the picture from the top of the page, in pixels; 0 is all of it")
	schemes := flag.String("schemes", "light dark", "color schemes, one picture each")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: pictures [flags] RUN, where RUN is a run's folder below reports/out")
		os.Exit(64)
	}
	if err := take(flag.Arg(0), *out, *name, *schemes, *width, *height); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func take(dir, out, name, schemes string, width, height int64) error {
	run, err := reports.OpenRun(dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := html.Write(&b, run); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "canarylab-pictures-*")
	if err != nil {
		return fmt.Errorf("make a folder for the page: %w", err)
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, html.File)
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("make the pictures' folder: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	tab, stop, err := browser.Start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	for _, scheme := range strings.Fields(schemes) {
		if err := browser.Open(tab, "file://"+file, width, scheme); err != nil {
			return err
		}
		picture, err := browser.Picture(tab, width, height)
		if err != nil {
			return err
		}
		path := filepath.Join(out, fmt.Sprintf("%s-%s.png", name, scheme))
		size, err := browser.Save(path, picture)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d kB\n", path, (size+999)/1000)
	}
	return nil
}
