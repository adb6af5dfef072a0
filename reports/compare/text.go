package compare

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/canarylab/canarylab/reports/terminal"
	"github.com/canarylab/canarylab/reports/text"
)

// ANSI colors.
const (
	bold   = "1"
	dim    = "2"
	yellow = "33"
	blue   = "34"
)

// A page is a comparison being printed.
type page struct {
	bytes.Buffer
	color bool
	width int
}

// Text prints a comparison for a terminal.
func Text(w io.Writer, c *Comparison, o text.Options) error {
	if o.Width == 0 {
		o.Width = 100
	}
	p := &page{color: o.Color, width: max(o.Width, 72)}
	v := newView(c)
	p.line("%s", p.paint(bold, v.title))
	p.para("", "", v.subtitle)
	p.line("")
	for i, s := range v.headlines {
		color := bold
		if i < len(c.Pairs) && len(c.Pairs[i].Different()) > 0 {
			color = bold + ";" + blue
		}
		p.para("", color, s)
		p.para("", "", v.summaries[i])
	}
	for _, w := range v.warnings {
		p.para("! ", yellow, w)
	}
	p.section("runs")
	for _, r := range v.runs.rows {
		p.para("   "+r[0]+"  ", "", fmt.Sprintf("%s: %s · %s requests, %s failed, %s unexplained · sent late by %s at p99 · agent's CPU %s · took %s",
			r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]))
	}
	p.section("setup")
	if len(v.setup.rows) > 0 {
		p.grid(v.setup)
		p.line("")
	}
	p.para("   the same: ", dim, v.equal)
	for _, s := range v.sections {
		p.figures(s, len(c.Pairs) > 1)
	}
	if len(v.verdicts) > 0 {
		p.section("verdicts that differ")
	}
	for _, change := range v.verdicts {
		p.para("   ", "", change[0])
		p.para("      ", "", change[1])
	}
	if len(v.sections) > 0 {
		p.line("")
		p.line("%s", p.paint(dim, "≠ differs   = no difference that these data can show   ? not judged"))
	}
	p.para("", dim, v.method)
	for _, n := range v.notes {
		p.line("")
		p.para("note  ", "", n)
	}
	text := p.String()
	if o.ASCII {
		text = terminal.ASCII(text)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("print comparison: %w", err)
	}
	return nil
}

func (p *page) paint(color, text string) string {
	if !p.color || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// para prints text wrapped, its first line after lead, the others indented as deep.
func (p *page) para(lead, color, text string) {
	indent := utf8.RuneCountInString(lead)
	for i, line := range terminal.Wrap(text, p.width-indent) {
		if i > 0 {
			lead = strings.Repeat(" ", indent)
		}
		p.line("%s%s", lead, p.paint(color, line))
	}
}

// section prints a heading with a rule.
func (p *page) section(name string) {
	p.line("")
	p.line("%s%s", p.paint(bold, name+" "), p.paint(dim, strings.Repeat("─", max(p.width-utf8.RuneCountInString(name)-1, 3))))
}

// grid prints a table. Its widest column of text is cut so that it fits, or its cells go below each other where several are too wide.
func (p *page) grid(g grid) {
	width := func() (all []int, sum int) {
		for _, r := range append([][]string{g.head}, g.rows...) {
			for i, cell := range r {
				if i == len(all) {
					all = append(all, 0)
				}
				all[i] = max(all[i], utf8.RuneCountInString(cell))
			}
		}
		sum = 3 + 2*(len(all)-1)
		for _, n := range all {
			sum += n
		}
		return all, sum
	}
	all, sum := width()
	if sum > p.width && g.left == len(g.head) {
		for _, r := range g.rows {
			for i, cell := range r[1:] {
				p.para(fmt.Sprintf("   %-*s  %s  ", all[0], when(i == 0, r[0]), g.head[i+1]), "", cell)
			}
		}
		return
	}
	if sum > p.width {
		// The second column has names.
		for _, r := range g.rows {
			r[1] = clip(r[1], all[1]-(sum-p.width))
		}
		all, _ = width()
	}
	for n, r := range append([][]string{g.head}, g.rows...) {
		var b strings.Builder
		for i, cell := range r {
			b.WriteString(when(i > 0, "  ") + pad(cell, all[i], i < g.left))
		}
		p.line("   %s", p.paint(when(n == 0, dim), strings.TrimRight(b.String(), " ")))
	}
}

// pad fills a cell up, a text at its right and a number at its left.
func pad(cell string, width int, left bool) string {
	space := strings.Repeat(" ", max(width-utf8.RuneCountInString(cell), 0))
	if left {
		return cell + space
	}
	return space + cell
}

// clip cuts text to a width.
func clip(text string, width int) string {
	if all := []rune(text); len(all) > max(width, 8) {
		return string(all[:max(width, 8)-1]) + "…"
	}
	return text
}

// figures prints a section: each figure with its mark.
func (p *page) figures(s section, several bool) {
	title := s.title
	if several {
		title = s.other + " against " + s.base + ": " + title
	}
	p.section(title)
	head := []string{"", "", s.base, s.other, "difference", "interval"}
	var lines [][]string
	for _, g := range s.groups {
		for _, r := range g.rows {
			lines = append(lines, []string{r.figure.Judgement.mark(), r.name, r.base, r.other, r.difference, r.interval})
		}
	}
	width := make([]int, len(head))
	sum := 3 + 2*(len(head)-1)
	for i := range head {
		width[i] = utf8.RuneCountInString(head[i])
		for _, l := range lines {
			width[i] = max(width[i], utf8.RuneCountInString(l[i]))
		}
		sum += width[i]
	}
	if sum > p.width {
		// How many requests a share is of goes first.
		for i := 2; i < 4; i++ {
			before := width[i]
			width[i] = 1
			for _, l := range lines {
				l[i], _, _ = strings.Cut(l[i], " of ")
				width[i] = max(width[i], utf8.RuneCountInString(l[i]))
			}
			sum -= before - width[i]
		}
		width[1] = max(width[1]-max(sum-p.width, 0), 8)
	}
	print := func(cells []string, color string) {
		var b strings.Builder
		for i, cell := range cells {
			if i == 1 {
				cell = clip(cell, width[1])
			}
			b.WriteString(when(i > 0, "  ") + pad(cell, width[i], i < 2))
		}
		p.line("   %s", p.paint(color, strings.TrimRight(b.String(), " ")))
	}
	print(head, dim)
	n := 0
	for _, g := range s.groups {
		if g.name != "" {
			p.line("   %s", p.paint(bold, clip(g.name, p.width-3)))
		}
		for _, r := range g.rows {
			print(lines[n], map[Judgement]string{Different: blue, NotJudged: yellow}[r.figure.Judgement])
			for _, d := range r.details {
				p.para("        ", dim, d)
			}
			n++
		}
	}
	if s.none {
		p.para("   ", "", "No difference that these data can show in any of these.")
	}
}
