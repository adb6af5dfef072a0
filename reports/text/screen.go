package text

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/terminal"
)

// A block is a part of a story.
type block struct {
	name  string
	lines []string
	// cut is how many lines of it were folded.
	cut int
}

// A screen is a story in the making.
type screen struct {
	page   *page
	blocks []*block
}

// add renders a block.
func (s *screen) add(name string, render func(*page)) {
	q := &page{&terminal.Page{Color: s.page.Color, ASCII: s.page.ASCII, Width: s.page.Width}}
	render(q)
	b := &block{name: name}
	if q.Len() > 0 {
		b.lines = strings.Split(strings.TrimSuffix(q.String(), "\n"), "\n")
	}
	s.blocks = append(s.blocks, b)
}

// gap is a line between two blocks.
func (s *screen) gap() { s.add("", func(q *page) { q.Line("") }) }

// folds is how a story is made to fit: each of these blocks is cut down to so many lines, in this order, until
// it does. "" are the gaps. What is not here is never cut.
var folds = []struct {
	name  string
	least int
}{
	{"back", 0}, {"why", 4}, {"fix", 2}, {"analyzer", 1}, {"rate", 2}, {"failed", 4}, {"decided", 3}, {"why", 3},
	{"", 0},
	{"why", 2}, {"fix", 1}, {"rollbacks", 6}, {"decided", 2}, {"failed", 2},
	{"run", 0}, {"phases", 12}, {"rollbacks", 4}, {"why", 0}, {"fix", 0}, {"over time", 0}, {"analyzer", 0},
	{"phases", 6}, {"rollbacks", 2}, {"decided", 0}, {"failed", 1},
	{"title", 1}, {"rate", 1}, {"phases", 0}, {"rollbacks", 0}, {"failed", 0},
}

// tables are the blocks that are no text.
var tables = []string{"", "over time", "phases", "rollbacks"}

// print folds the story to its lines and prints it.
func (s *screen) print() {
	total := func() int {
		n := 0
		gap := true // none at the beginning
		for _, b := range s.blocks {
			if b.name == "" && gap || len(b.lines) == 0 {
				continue
			}
			gap = b.name == ""
			n += len(b.lines)
		}
		return n
	}
	// A line that says what was folded takes room itself.
	full := func() bool {
		folded := slices.ContainsFunc(s.blocks, func(b *block) bool { return b.name != "" && b.cut > 0 })
		return total() > storyLines || folded && total() > storyLines-1
	}
	for _, fold := range folds {
		for _, b := range slices.Backward(s.blocks) {
			for b.name == fold.name && len(b.lines) > fold.least && full() {
				b.lines = b.lines[:len(b.lines)-1]
				b.cut++
			}
		}
	}
	gap := true
	var cuts []string
	cut := 0
	for _, b := range s.blocks {
		if b.name != "" && b.cut > 0 {
			cut += b.cut
			cuts = append(cuts, fmt.Sprintf("%s %d", b.name, b.cut))
		}
		if b.name == "more" && cut > 0 {
			what := format.Plural(cut, "line: ", "lines: ") + strings.Join(cuts, ", ")
			line := terminal.Clip(terminal.Pad("folded", storyLead)+what, s.page.Width)
			s.page.Line("%s", s.page.Paint(terminal.Dim, line))
		}
		if b.name == "" && gap {
			continue
		}
		for i, line := range b.lines {
			// A text that goes on says so.
			if i == len(b.lines)-1 && b.cut > 0 && !slices.Contains(tables, b.name) {
				line = s.page.GoesOn(line)
			}
			s.page.WriteString(line + "\n")
			gap = b.name == ""
		}
	}
}
