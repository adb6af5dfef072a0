// Package render has the list of formats that a run can be shown in, and writes them into the run's folder.
package render

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/canarylab/canarylab/internal/atomicfile"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/html"
	"github.com/canarylab/canarylab/reports/junit"
	"github.com/canarylab/canarylab/reports/markdown"
	"github.com/canarylab/canarylab/reports/openmetrics"
	"github.com/canarylab/canarylab/reports/text"
)

// A Format is one way to show a run.
type Format struct {
	// Name is what people ask for it by, such as "md".
	Name string
	// File is its name in a run's folder, such as report.md. Empty where there is no need for one: report.json
	// is the run's own.
	File string
	// What says in a few words whom it is for.
	What string
	// Write writes a run. It is a function of the run alone.
	Write func(io.Writer, *reports.Run) error
}

// Formats are all, in the order in which people are told of them.
func Formats() []Format {
	return []Format{
		{"text", "report.txt", "people at a terminal: everything, with --full", writeText},
		{"json", "", "programs", func(w io.Writer, run *reports.Run) error { return run.Report.WriteJSON(w) }},
		{"md", "report.md", "a comment on a pull request", markdown.Write},
		{"html", html.File, "people with a browser: everything on one page", html.Write},
		{"junit", "junit.xml", "a CI system", func(w io.Writer, run *reports.Run) error { return junit.Write(w, run) }},
		{"openmetrics", "metrics.txt", "a system that keeps figures", openmetrics.Write},
	}
}

func writeText(w io.Writer, run *reports.Run) error {
	return text.Write(w, run.Report, text.Options{Full: true})
}

// Names are those of all formats, for people: "text, json or md".
func Names() string {
	var all []string
	for _, f := range Formats() {
		all = append(all, f.Name)
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// ErrUnknown is wrapped by errors about a format that there is none of.
var ErrUnknown = errors.New("unknown format")

// Find returns the format of a name.
func Find(name string) (Format, error) {
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("%w %q: use %s", ErrUnknown, name, Names())
}

// All writes every format that has a file into the folder of a run, and returns the run and the paths of the
// files. A format that fails is an error that names it; the others are written all the same.
func All(dir string) (*reports.Run, []string, error) {
	run, err := reports.OpenRun(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("render the report: %w", err)
	}
	files, err := write(run, Formats())
	return run, files, err
}

func write(run *reports.Run, formats []Format) (files []string, err error) {
	var errs []error
	for _, f := range formats {
		if f.File == "" {
			continue
		}
		path := filepath.Join(run.Dir, f.File)
		if err := ToFile(path, func(w io.Writer) error { return f.render(w, run) }); err != nil {
			errs = append(errs, fmt.Errorf(
				"render the report as %s (canarylab report %s -o %s tries it again): %w", f.Name, run.Dir, f.Name, err,
			))
			continue
		}
		files = append(files, path)
	}
	return files, errors.Join(errs...)
}

// render is Write, and takes a panic for an error: what was measured is safe in the folder, and one page that
// can't be drawn must not cost the others.
func (f Format) render(w io.Writer, run *reports.Run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this is a mistake in canarylab, please report it: %v\n%s", p, debug.Stack())
		}
	}()
	return f.Write(w, run)
}

// ToFile makes a file of what write writes. A reader sees the old file or the new one, never a part; what is no
// file, such as /dev/stdout, is written to as it is.
func ToFile(path string, write func(io.Writer) error) error {
	switch info, err := os.Stat(path); {
	case err != nil || info.Mode().IsRegular():
	case info.IsDir():
		return fmt.Errorf("%s is a folder: name a file", path)
	default:
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	return atomicfile.WriteFile(path, 0o644, write)
}
