package reports

import (
	"strings"
	"unicode/utf8"
)

// A table aligns cells: the first left columns to the left, numbers to the right of them to the right. (tabwriter
// aligns all columns alike and counts color codes as text.)
type table struct {
	left int
	rows [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// lines returns the rows with their cells padded and two spaces between them.
func (t *table) lines() []string {
	var width []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var out []string
	for _, row := range t.rows {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i < t.left {
				b.WriteString(cell + pad)
			} else {
				b.WriteString(pad + cell)
			}
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

// Wrap breaks text between words so that no line is wider than width, if its words allow.
func Wrap(text string, width int) []string {
	var out []string
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		w := utf8.RuneCountInString(word)
		switch {
		case n == 0:
			line, n = word, w
		case n+1+w <= width:
			line, n = line+" "+word, n+1+w
		default:
			out = append(out, line)
			line, n = word, w
		}
	}
	if n > 0 {
		out = append(out, line)
	}
	return out
}
