package markdown

import (
	"regexp"
	"strings"
	"unicode"
)

// hollow is put behind what would begin a link, a mention or a picture: a space without width, which is what
// other tools do too. A backslash is not enough, because GitHub looks for those in the finished page.
const hollow = "\u200b"

var (
	special = strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;",
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "~", `\~`, "$", `\$`, "!", `\!`,
		// For whoever reads the source.
		hollow, "&#8203;",
	)
	links = strings.NewReplacer("@", "@"+hollow, "#", "#"+hollow, "://", ":"+hollow+"//")
	// www. begins a link by itself, and so does GH-1. :name: is a picture.
	bare = regexp.MustCompile(`(?i)\b(www)\.`)
	gh   = regexp.MustCompile(`\b(GH)-(\d)`)
	icon = regexp.MustCompile(`:([a-zA-Z+-][\w+-]*|8ball|100|1234):`)
	// list is what makes a list, or a heading of the line before it, at the start of a line.
	list = regexp.MustCompile(`^(\d+)([.)](?:\s|$))|^([-+=])`)
)

// text makes a text of any origin harmless in one line of GitHub's Markdown: it is shown as it is, and is
// nothing else than text. What has no shape on a page is shown as U+FFFD, and a line break as a space.
func text(s string) string {
	s = links.Replace(line(s))
	s = bare.ReplaceAllString(s, "$1"+hollow+".")
	s = gh.ReplaceAllString(s, "$1"+hollow+"-$2")
	s = icon.ReplaceAllString(s, ":"+hollow+"$1:")
	return list.ReplaceAllString(special.Replace(s), `$1\$2$3`)
}

// line is a text without line breaks and control characters.
func line(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case !unicode.IsGraphic(r):
			return '\ufffd'
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// code shows a text as code in one line. Inside a table a bar would end the cell, code or not, and behind a
// backslash nothing saves it.
func code(s string, inTable bool) string {
	s = line(s)
	if inTable && strings.Contains(s, "|") {
		return "<code>" + text(s) + "</code>"
	}
	longest, run := 0, 0
	for _, r := range s {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	// Spaces at both ends are cut again by the reader, and one at an end alone is not.
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || s == "" {
		s = " " + s + " "
	}
	return fence + s + fence
}

// block shows lines as a block of code.
func block(lines []string) string {
	fence := "```"
	for _, l := range lines {
		for strings.Contains(l, fence) {
			fence += "`"
		}
	}
	var b strings.Builder
	b.WriteString(fence + "\n")
	for _, l := range lines {
		b.WriteString(line(l) + "\n")
	}
	b.WriteString(fence + "\n")
	return b.String()
}
