package compare

import (
	"fmt"
	"io"
	"strings"

	"github.com/canarylab/canarylab/reports/format"

	"github.com/canarylab/canarylab/reports/markdown"
)

// Markdown prints a comparison for a comment or a page. Texts of runs are escaped: they can't become markup.
func Markdown(w io.Writer, c *Comparison) error {
	v := newView(c)
	b := &strings.Builder{}
	fmt.Fprintf(b, "## %s\n\n", markdown.Text(v.Title))
	for _, o := range v.Outcomes {
		b.WriteString(format.Join(" ", "**"+markdown.Text(o[0])+"**", markdown.Text(o[1])) + "\n\n")
	}
	for _, w := range v.Warnings {
		fmt.Fprintf(b, "⚠ %s\n\n", markdown.Text(w))
	}
	for _, n := range v.Notes {
		fmt.Fprintf(b, "> %s\n\n", markdown.Text(n))
	}
	if len(v.Setup.Rows) > 0 {
		markdownTable(b, v.Setup)
	}
	fmt.Fprintf(b, "The same: %s\n\n", markdown.Text(v.Equal))
	for _, s := range v.Sections {
		fmt.Fprintf(b, "### %s\n\n", markdown.Text(upper(v.heading(s))))
		if s.Alike {
			b.WriteString("No difference that these data can show in any of these.\n\n")
		}
		g := grid{Head: []string{"", "", s.Base, s.Other, "difference", "interval"}, Left: 2}
		for _, group := range s.Groups {
			for _, r := range group.Rows {
				details := format.Join(" · ", append([]string{r.Interval}, r.Details...)...)
				g.Rows = append(g.Rows, []string{
					looks[r.Figure.Judgement].sign, format.Join(": ", group.Name, r.Name), r.Base, r.Other,
					r.Difference, details,
				})
			}
		}
		markdownTable(b, g)
	}
	if len(v.Verdicts) > 0 {
		b.WriteString("### Verdicts that differ\n\n")
		for _, change := range v.Verdicts {
			fmt.Fprintf(b, "- %s — %s\n", markdown.Text(change[0]), markdown.Text(change[1]))
		}
		b.WriteString("\n")
	}
	b.WriteString("### Runs\n\n")
	markdownTable(b, v.Runs)
	if len(v.Sections) > 0 {
		b.WriteString("≠ differs, = no difference that these data can show, ? not judged. ")
	}
	fmt.Fprintf(b, "%s\n", markdown.Text(v.Method))
	if _, err := io.WriteString(w, strings.TrimRight(b.String(), "\n ")+"\n"); err != nil {
		return fmt.Errorf("write comparison: %w", err)
	}
	return nil
}

func markdownTable(b *strings.Builder, g grid) {
	line := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			b.WriteString(" " + markdown.Text(c) + " |")
		}
		b.WriteString("\n")
	}
	line(g.Head)
	b.WriteString("|" + strings.Repeat("---|", g.Left) + strings.Repeat("---:|", len(g.Head)-g.Left) + "\n")
	for _, r := range g.Rows {
		line(r)
	}
	b.WriteString("\n")
}
