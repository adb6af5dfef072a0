package describe

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// columns is how wide lines of Markdown are. A longer line is a single unit, or is in a table or a block of code.
const columns = 100

var (
	// unit is what no line is broken in: code, a link, or a word with what hangs on it.
	unit = regexp.MustCompile("(?:`+[^`\n]*`+|\\[[^\\]\n]*\\]\\([^)\n]*\\)|[^ \t\n])+")
	// marker would begin a list, a heading or a rule if a line began with it.
	marker = regexp.MustCompile(`^(?:[-+=]+|#{1,6}|\d+[.)])$`)
)

// units are those of a text. What must not begin a line is part of the one before it.
func units(text string) []string {
	var all []string
	for _, u := range unit.FindAllString(text, -1) {
		if last := len(all) - 1; last >= 0 && marker.MatchString(u) {
			all[last] += " " + u
			continue
		}
		all = append(all, u)
	}
	return all
}

// Wrap breaks a paragraph of Markdown into lines. The first one begins with lead, the others with as many spaces.
func Wrap(lead, text string) string {
	b := &strings.Builder{}
	b.WriteString(lead)
	indent := utf8.RuneCountInString(lead)
	at := indent
	for i, u := range units(text) {
		n := utf8.RuneCountInString(u)
		switch {
		case i == 0:
		case at+1+n > columns:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			b.WriteString(" ")
			at++
		}
		b.WriteString(u)
		at += n
	}
	return b.String()
}
