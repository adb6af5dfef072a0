// Package text prints reports for a terminal.
package text

import (
	"fmt"
	"io"
	"strings"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// Options are for Write.
type Options struct {
	// Full prints all that there is to say, however long. Otherwise it is a story of storyLines lines and
	// storyWidth columns.
	Full bool
	// Color marks outcomes with ANSI colors.
	Color bool
	// ASCII prints no character that is not ASCII, for a terminal that knows no UTF-8.
	ASCII bool
	// Width is how wide lines may get, in columns. Zero means 100; less than 72 is taken as 72, which the tables need.
	Width int
	// Dir is the run's folder, and Page the report in it that a browser shows, both as the reader can type
	// them. Problems are what is wrong with the folder (Run.Problems). All may be empty.
	Dir, Page string
	Problems  []string
}

// Write prints a report for a terminal. Whatever texts are in it, nothing but colors, and those only if they
// are asked for, moves the terminal.
func Write(w io.Writer, r *reports.Report, o Options) error {
	clean := format.PrintableCopy(*r)
	r = &clean
	o.Problems, o.Dir, o.Page = format.PrintableCopy(o.Problems), format.Printable(o.Dir), format.Printable(o.Page)
	p := newPage(o)
	switch {
	case tests(r) && !o.Full:
		p.routings(r, o)
	case o.Full:
		p.full(r, o)
	default:
		p.story(r, o)
	}
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return nil
}

// A page is a report being printed.
type page struct{ *terminal.Page }

func newPage(o Options) *page { return &page{terminal.NewPage(o.Terminal())} }

// Terminal are those of the options that are the terminal's.
func (o Options) Terminal() terminal.Options {
	return terminal.Options{Color: o.Color, ASCII: o.ASCII, Width: o.Width}
}

// full prints everything.
func (p *page) full(r *reports.Report, o Options) {
	p.header(r)
	for _, problem := range o.Problems {
		p.Para("! folder  ", terminal.Yellow, problem)
	}
	folded := 0
	for i, phase := range r.Phases {
		if phase.Repeat && phase.Outcome() == reports.Pass {
			folded++
			continue
		}
		p.phase(i+1, phase, r.Setup.Load)
		if phase.Routing != nil {
			p.routing(phase)
			p.known(phase)
		}
	}
	if folded > 0 {
		p.Line("")
		p.Para("", terminal.Dim, format.Plural(folded, "phase that repeats another one, and passed, is",
			"phases that repeat others, and passed, are")+" in report.json only")
	}
	p.costs(r.Phases)
	p.rollbacks(r.Phases)
	p.accounting(r)
	p.bringUp(r.BringUp)
	p.prose("why", format.Join(" ", r.Cause, format.When(r.Source != "", "Source: "+r.Source+".")))
	p.list("see", r.See)
	p.prose("fix", r.Fix)
	p.prose("back", r.Back)
	for _, note := range r.Notes {
		p.prose("note", note)
	}
	p.prose("where", strings.Join(r.Setup.About, " "))
	p.files(r.Files)
}

// signs are what outcomes look like.
var signs = map[reports.Outcome]struct{ mark, color string }{
	reports.Pass:         {"✓", terminal.Green},
	reports.Inconclusive: {"?", terminal.Yellow},
	reports.Invalid:      {"!", terminal.Yellow},
	reports.Fail:         {"✗", terminal.Red},
}

// badge is an outcome with its mark: "✓ pass".
func (p *page) badge(o reports.Outcome) string {
	sign, ok := signs[o]
	if !ok {
		return "not concluded"
	}
	return p.Paint(sign.color+";"+terminal.Bold, sign.mark+" "+string(o))
}

// prose prints a named paragraph at the end of the report.
func (p *page) prose(name, text string) {
	if text == "" {
		return
	}
	p.Line("")
	p.field(name, text)
}

// list prints a named list at the end of the report.
func (p *page) list(name string, items []string) {
	for i, item := range items {
		if i == 0 {
			p.prose(name, item)
		} else {
			p.field("", item)
		}
	}
}

func (p *page) files(files []reports.File) {
	if len(files) == 0 {
		return
	}
	p.Section("files")
	t := &terminal.Table{Left: 2}
	for _, f := range files {
		t.Row(f.Path, f.What)
	}
	p.Table(t)
}
