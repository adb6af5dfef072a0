// Package bundle packs a run's folder into one file to send to a colleague, and opens such a file as if it were
// the folder.
//
// A bundle is a .tar.gz of one folder, named after the run's. It has what canarylab itself wrote there and
// nothing else, is the same to the byte whenever the same canarylab makes it of the same files, and can be
// unpacked by hand.
package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/trace"
)

// Ext is the end of a bundle's name.
const Ext = ".tar.gz"

// The bounds of a bundle, the same for packing and for opening, so that what was packed can be opened.
const (
	// MaxBytes bounds the files together: the trace of six hours at 1,000 requests a second has 1.5 GB.
	MaxBytes = 4 << 30
	// MaxFiles bounds how many there are.
	MaxFiles = 1000
	// maxRatio is how many times larger than the bundle its files may be, beyond freeBytes. A trace of before, of plain
	// lines, shrinks to a twelfth, lines of padding to a thousandth.
	maxRatio  = 25
	freeBytes = 64 << 20
)

// ErrNoBundle is wrapped by errors about what is neither a run's folder nor a bundle.
var ErrNoBundle = errors.New("neither a run's folder nor a bundle of one")

// members are the files of a run that go into a bundle, in their order: the report first, so that it is found
// without reading the trace, which is last. Where the folder has none, it is the one that the report lists.
func members(dir string, r *reports.Report) (all []string, err error) {
	all = append(all, reports.ReportFile)
	seen := map[string]bool{reports.ReportFile: true, trace.File: true, trace.PlainFile: true}
	record := trace.File
	if slices.ContainsFunc(r.Files, func(f reports.File) bool { return f.Path == trace.PlainFile }) {
		record = trace.PlainFile
	}
	switch found, err := trace.Find(dir); {
	case err == nil:
		record = filepath.Base(found)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	var names []string
	for _, f := range r.Files {
		names = append(names, path.Clean(filepath.ToSlash(f.Path)))
	}
	for _, f := range render.Formats() {
		names = append(names, f.File)
	}
	for _, name := range names {
		if name != "" && !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	return append(all, record), nil
}

// Size prints bytes: "85 kB", "18.4 MB".
func Size(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
