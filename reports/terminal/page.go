// Package terminal lays out text, tables and marks for a terminal.
package terminal

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"
)

// GoesOn ends a line whose text was cut. Such a text is of one color, or of none.
func (p *Page) GoesOn(line string) string {
	text, painted := strings.CutSuffix(line, "\x1b[0m")
	color := ""
	if painted {
		if at := strings.IndexByte(text, 'm'); at >= 0 {
			color, text = text[:at+1], text[at+1:]
		}
	}
	mark := p.Plain(" …")
	for Cells(text)+Cells(mark) > p.Width {
		at := strings.LastIndexByte(text, ' ')
		if at < 0 {
			break // one word as wide as the line
		}
		text = strings.TrimRight(text[:at], " .,;:")
	}
	if text = color + text + mark; painted {
		text += "\x1b[0m"
	}
	return text
}

// A Page is a text being laid out for a terminal.
type Page struct {
	bytes.Buffer
	Color, ASCII bool
	Width        int
}

// Options say what a terminal can show.
type Options struct {
	// Color marks outcomes with ANSI colors.
	Color bool
	// ASCII prints no character that is not ASCII, for a terminal that knows no UTF-8.
	ASCII bool
	// Width is how wide lines may get, in columns. Zero means 100; less than 72 is taken as 72, which the tables need.
	Width int
}

// NewPage makes an empty page.
func NewPage(o Options) *Page {
	return &Page{Color: o.Color, ASCII: o.ASCII, Width: max(cmp.Or(o.Width, 100), 72)}
}

// ANSI colors.
const (
	Bold   = "1"
	Dim    = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Blue   = "34"
)

// Paint gives text an ANSI color, if the page has any.
func (p *Page) Paint(color, text string) string {
	if !p.Color || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// Line prints one line, whatever is in it.
func (p *Page) Line(format string, args ...any) {
	p.WriteString(OneLine(p.Plain(fmt.Sprintf(format, args...))) + "\n")
}

// OneLine is text without line breaks and tabs: one in a name would forge a line of the report.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, text)
}

// Plain is text in the characters that the page may have.
func (p *Page) Plain(text string) string {
	if p.ASCII {
		return toASCII(text)
	}
	return text
}

// Para prints text wrapped, its first line after lead, the others indented as deep. Lead has no colors.
func (p *Page) Para(lead, color, text string) {
	lead, text = p.Plain(lead), p.Plain(text)
	indent := Cells(lead)
	for i, line := range Wrap(text, p.Width-indent) {
		if i > 0 {
			lead = strings.Repeat(" ", indent)
		}
		p.Line("%s%s", lead, p.Paint(color, line))
	}
}

// Section prints a heading with a rule.
func (p *Page) Section(name string) {
	p.Line("")
	p.Line("%s%s", p.Paint(Bold, name+" "), p.Paint(Dim, strings.Repeat("─", max(p.Width-Cells(name)-1, 3))))
}

// Table prints a table as deep as the paragraphs of a section.
func (p *Page) Table(t *Table) { p.Indented(t, "   ") }

// PlainCells brings all cells of a table into the form in which they are printed, which may be wider.
func (p *Page) PlainCells(t *Table) {
	for _, row := range t.Rows {
		for i := range row {
			row[i] = OneLine(p.Plain(row[i]))
		}
	}
}

// Indented prints a table after an indent.
func (p *Page) Indented(t *Table, indent string) {
	p.PlainCells(t)
	for _, line := range t.Lines(p.Paint) {
		p.Line("%s%s", indent, line)
	}
}
