package compare

import (
	"fmt"
	"io"

	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// A page is a comparison being printed.
type page struct{ *terminal.Page }

// Text prints a comparison for a terminal.
func Text(w io.Writer, c *Comparison, o terminal.Options) error {
	p := &page{terminal.NewPage(o)}
	v := newView(c)
	p.Line("%s", p.Paint(terminal.Bold, v.Title))
	p.Para("", "", v.Subtitle)
	p.Line("")
	for i, o := range v.Outcomes {
		color := terminal.Bold
		if i < len(c.Pairs) && len(c.Pairs[i].Different()) > 0 {
			color = terminal.Bold + ";" + terminal.Blue
		}
		p.Para("", color, o[0])
		p.Para("", "", o[1])
	}
	for _, w := range v.Warnings {
		p.Para("! ", terminal.Yellow, w)
	}
	p.Section("runs")
	for _, r := range v.Runs.Rows {
		p.Para("   "+r[0]+"  ", "", fmt.Sprintf("%s: %s · %s requests, %s failed, %s unexplained · sent late by %s "+
			"at p99 · agent's CPU %s · took %s", r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]))
	}
	p.Section("setup")
	if len(v.Setup.Rows) > 0 {
		p.grid(v.Setup)
		p.Line("")
	}
	p.Para("   the same: ", terminal.Dim, v.Equal)
	for _, s := range v.Sections {
		p.figures(v.heading(s), s)
	}
	if len(v.Verdicts) > 0 {
		p.Section("verdicts that differ")
	}
	for _, change := range v.Verdicts {
		p.Para("   ", "", change[0])
		p.Para("      ", "", change[1])
	}
	if len(v.Sections) > 0 {
		p.Line("")
		p.Line("%s", p.Paint(terminal.Dim, "≠ differs   = no difference that these data can show   ? not judged"))
	}
	p.Para("", terminal.Dim, v.Method)
	for _, n := range v.Notes {
		p.Line("")
		p.Para("note  ", "", n)
	}
	if _, err := w.Write(p.Bytes()); err != nil {
		return fmt.Errorf("print comparison: %w", err)
	}
	return nil
}

// grid prints a table. Its second column, which has names, is cut so that it fits; where all columns are texts
// and too wide, they go below each other.
func (p *page) grid(g grid) {
	t := &terminal.Table{Left: g.Left}
	for _, row := range append([][]string{g.Head}, g.Rows...) {
		t.Row(row...)
	}
	p.PlainCells(t)
	if room := p.Width - len(indent); t.Width() > room && g.Left == len(g.Head) {
		name := t.Widths()[0]
		for _, row := range t.Rows[1:] {
			for i, cell := range row[1:] {
				p.Para(indent+terminal.Pad(format.When(i == 0, row[0]), name)+"  "+g.Head[i+1]+"  ", "", cell)
			}
		}
		return
	}
	t.Narrow(1, p.Width-len(indent), 8)
	t.DimHead()
	p.Table(t)
}

// indent is how deep the parts of a section are.
const indent = "   "

// figures prints a section: each figure with its mark.
func (p *page) figures(title string, s section) {
	p.Section(title)
	var rows []row
	for _, g := range s.Groups {
		rows = append(rows, g.Rows...)
	}
	table := func(value func(*Figure, Value) string) *terminal.Table {
		t := &terminal.Table{Left: 2}
		t.Row("", "", s.Base, s.Other, "difference", "interval")
		for _, r := range rows {
			f := r.Figure
			t.Row(looks[f.Judgement].sign, r.Name, value(f, f.Base), value(f, f.Other), r.Difference, r.Interval)
		}
		p.PlainCells(t)
		return t
	}
	t := table((*Figure).valueText)
	if t.Width() > p.Width-len(indent) {
		// How many requests a share is of goes first.
		t = table((*Figure).numberText)
		t.Narrow(1, p.Width-len(indent), 8)
	}
	lines := t.Lines(p.Paint)
	p.Line("%s%s", indent, p.Paint(terminal.Dim, lines[0]))
	lines = lines[1:]
	for _, g := range s.Groups {
		if g.Name != "" {
			p.Line("%s%s", indent, p.Paint(terminal.Bold, terminal.Clip(g.Name, p.Width-len(indent))))
		}
		for i, r := range g.Rows {
			p.Line("%s%s", indent, p.Paint(looks[r.Figure.Judgement].color, lines[i]))
			for _, d := range r.Details {
				p.Para("        ", terminal.Dim, d)
			}
		}
		lines = lines[len(g.Rows):]
	}
	if s.Alike {
		p.Para(indent, "", "No difference that these data can show in any of these.")
	}
}
