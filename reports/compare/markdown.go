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
	fmt.Fprintf(b, "## %s\n\n", markdown.Text(v.title))
	for i, s := range v.headlines {
		b.WriteString(format.Join(" ", "**"+markdown.Text(s)+"**", markdown.Text(v.summaries[i])) + "\n\n")
	}
	for _, w := range v.warnings {
		fmt.Fprintf(b, "⚠ %s\n\n", markdown.Text(w))
	}
	for _, n := range v.notes {
		fmt.Fprintf(b, "> %s\n\n", markdown.Text(n))
	}
	if len(v.setup.rows) > 0 {
		markdownTable(b, v.setup)
	}
	fmt.Fprintf(b, "The same: %s\n\n", markdown.Text(v.equal))
	for _, s := range v.sections {
		title := s.title
		if len(c.Pairs) > 1 {
			title = s.other + " against " + s.base + ": " + title
		}
		fmt.Fprintf(b, "### %s\n\n", markdown.Text(upper(title)))
		if s.none {
			b.WriteString("No difference that these data can show in any of these.\n\n")
		}
		g := grid{head: []string{"", "", s.base, s.other, "difference", "interval"}, left: 2}
		for _, group := range s.groups {
			for _, r := range group.rows {
				g.rows = append(g.rows, []string{
					r.figure.Judgement.mark(), format.Join(": ", group.name, r.name), r.base, r.other, r.difference,
					format.Join(" · ", append([]string{r.interval}, r.details...)...),
				})
			}
		}
		markdownTable(b, g)
	}
	if len(v.verdicts) > 0 {
		b.WriteString("### Verdicts that differ\n\n")
		for _, change := range v.verdicts {
			fmt.Fprintf(b, "- %s — %s\n", markdown.Text(change[0]), markdown.Text(change[1]))
		}
		b.WriteString("\n")
	}
	b.WriteString("### Runs\n\n")
	markdownTable(b, v.runs)
	if len(v.sections) > 0 {
		b.WriteString("≠ differs, = no difference that these data can show, ? not judged. ")
	}
	fmt.Fprintf(b, "%s\n", markdown.Text(v.method))
	_, err := io.WriteString(w, strings.TrimRight(b.String(), "\n ")+"\n")
	if err != nil {
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
	line(g.head)
	b.WriteString("|")
	for i := range g.head {
		if i < g.left {
			b.WriteString("---|")
		} else {
			b.WriteString("---:|")
		}
	}
	b.WriteString("\n")
	for _, r := range g.rows {
		line(r)
	}
	b.WriteString("\n")
}
