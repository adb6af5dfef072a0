package terminal

import (
	"slices"
	"strings"

	"github.com/rivo/uniseg"
)

// A Table aligns cells: the first Left columns to the left, the others, which have numbers, to the right. (tabwriter
// aligns all columns alike and counts color codes as text.)
type Table struct {
	Left int
	// Align has a letter for each column, l or r, where Left is not enough.
	Align string
	Rows  [][]string
	// colors has the colors of cells, by row and column.
	colors map[[2]int]string
}

// Row adds a row.
func (t *Table) Row(cells ...string) { t.Rows = append(t.Rows, cells) }

// Paint paints a cell.
func (t *Table) Paint(row, column int, color string) {
	if t.colors == nil {
		t.colors = map[[2]int]string{}
	}
	t.colors[[2]int{row, column}] = color
}

// DimHead paints the first row.
func (t *Table) DimHead() {
	for i := range t.Rows[0] {
		t.Paint(0, i, Dim)
	}
}

func (t *Table) right(column int) bool {
	if column < len(t.Align) {
		return t.Align[column] == 'r'
	}
	return column >= t.Left
}

// Width is the width of the whole table.
func (t *Table) Width() int {
	n := -2 // between columns are two spaces
	for _, w := range t.Widths() {
		n += 2 + w
	}
	return max(n, 0)
}

// Narrow clips a column so that the table gets no wider than width, but not to less than least.
func (t *Table) Narrow(column, width, least int) {
	over := t.Width() - width
	if over <= 0 {
		return
	}
	room := max(t.Widths()[column]-over, least)
	for _, row := range t.Rows {
		if column < len(row) {
			row[column] = Clip(row[column], room)
		}
	}
}

// Drop takes a column away. It is called before cells are painted, since it does not move the colors of the
// columns behind.
func (t *Table) Drop(column int) {
	for i, row := range t.Rows {
		if column < len(row) {
			t.Rows[i] = slices.Delete(row, column, column+1)
		}
	}
	if column < len(t.Align) {
		t.Align = t.Align[:column] + t.Align[column+1:]
	}
}

// Column finds a column by its head, -1 where there is none.
func (t *Table) Column(head string) int { return slices.Index(t.Rows[0], head) }

// Empty tells that a column has nothing below its head.
func (t *Table) Empty(column int) bool {
	return !slices.ContainsFunc(t.Rows[1:], func(row []string) bool { return column < len(row) && row[column] != "" })
}

// DropEmpty takes the columns away that have nothing below their heads.
func (t *Table) DropEmpty() {
	for i := len(t.Rows[0]) - 1; i >= 0; i-- {
		if t.Empty(i) {
			t.Drop(i)
		}
	}
}

// Widths are those of the columns.
func (t *Table) Widths() []int {
	var width []int
	for _, row := range t.Rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], Cells(cell))
		}
	}
	return width
}

// Lines returns the rows with their cells padded and two spaces between them.
func (t *Table) Lines(paint func(color, text string) string) []string {
	width := t.Widths()
	var out []string
	for n, row := range t.Rows {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", width[i]-Cells(cell))
			if color, ok := t.colors[[2]int{n, i}]; ok && cell != "" {
				cell = paint(color, cell)
			}
			if t.right(i) {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		// No spaces follow the last cell with anything in it.
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return out
}

// Cells is how many columns of a terminal text takes: 2 for each wide character, none for a mark that joins the
// one before it. It does not depend on the environment.
func Cells(text string) int { return uniseg.StringWidth(text) }

// Clip cuts text to a width, of 8 cells at least, between characters.
func Clip(text string, width int) string {
	if width = max(width, 8); Cells(text) <= width {
		return text
	}
	out, n := "", 0
	for rest, state := text, -1; rest != ""; {
		var c string
		var w int
		c, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if n += w; n > width-1 {
			break
		}
		out += c
	}
	return out + "…"
}

// Wrap breaks text between words so that no line is wider than width, in columns of a terminal. A word that is
// wider than that is broken anywhere.
func Wrap(text string, width int) []string {
	var out []string
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		w := Cells(word)
		if n > 0 && n+1+w <= width {
			line, n = line+" "+word, n+1+w
			continue
		}
		if n > 0 {
			out = append(out, line)
		}
		line, n = word, w
		for n > width {
			head, rest := breakWord(line, width)
			if rest == "" {
				break // a character that is wider than the line
			}
			out = append(out, head)
			line, n = rest, Cells(rest)
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// breakWord cuts a word after so many characters as fit into width, and after one at least.
func breakWord(word string, width int) (head, rest string) {
	n := 0
	for rest, state := word, -1; rest != ""; {
		at := len(word) - len(rest)
		var w int
		_, rest, w, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if n += w; n > width && at > 0 {
			return word[:at], word[at:]
		}
	}
	return word, ""
}

// Pad fills text up to a width.
func Pad(text string, width int) string { return text + strings.Repeat(" ", max(width-Cells(text), 0)) }
