package describe

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const sourceRoot = "../.."

// pagesOf are the Markdown files below root by their paths there. Those that tests and runs make are left out.
func pagesOf(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		if d.IsDir() {
			made := d.Name() == "testdata" || name == "bin" || name == filepath.FromSlash("reports/out")
			if made || len(d.Name()) > 2 && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) == ".md" {
			text, err := os.ReadFile(file)
			all[filepath.ToSlash(name)] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// prosaic are the lines of a page by their numbers from 1, without blocks of code and comments.
func prosaic(text string) map[int]string {
	lines := map[int]string{}
	fence := ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		begin := fenceOf(line)
		switch {
		case fence == "" && begin != "":
			fence = begin
		case fence != "" && strings.TrimSpace(line) == fence:
			fence = ""
		case fence == "" && !strings.HasPrefix(line, "<!--"):
			lines[n] = line
		}
	}
	return lines
}

// fenceOf is what begins a block of code, empty for another line.
func fenceOf(line string) string {
	line = strings.TrimSpace(line)
	fence := line[:len(line)-len(strings.TrimLeft(line, "`"))]
	if len(fence) < 3 {
		return ""
	}
	return fence
}

// codeSpan is code in the middle of a line, link is a link or a picture there or in HTML.
var (
	codeSpan = regexp.MustCompile("`+[^`]+`+")
	link     = regexp.MustCompile(`\]\(([^)\s]*)\)|\b(?:href|src|srcset)="([^"\s]*)"`)
)

// anchors are what the headings of a page are called in links, by GitHub's rule.
func anchors(text string) []string {
	var all []string
	lines := prosaic(text)
	times := map[string]int{}
	for n := range strings.Count(text, "\n") + 1 {
		heading, ok := strings.CutPrefix(strings.TrimLeft(lines[n+1], "#"), " ")
		if !ok || !strings.HasPrefix(lines[n+1], "#") {
			continue
		}
		id := anchor(heading)
		times[id]++
		if again := times[id]; again > 1 {
			id = fmt.Sprintf("%s-%d", id, again-1)
		}
		all = append(all, id)
	}
	return all
}

// linkText is the part of a link that is read.
var linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)

// anchor is what one heading is called.
func anchor(heading string) string {
	heading = linkText.ReplaceAllString(strings.TrimSpace(heading), "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// deadLinks are the links of pages that lead to no file below root or to no heading.
func deadLinks(root string, pages map[string]string) []string {
	var dead []string
	for page, text := range pages {
		for n, line := range prosaic(text) {
			for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, ""), -1) {
				if err := follow(root, page, text, m[1]+m[2]); err != nil {
					dead = append(dead, fmt.Sprintf("%s:%d: %v", page, n, err))
				}
			}
		}
	}
	slices.Sort(dead)
	return dead
}

// follow looks for what a link leads to. Addresses on the network are taken as they are.
func follow(root, page, text, to string) error {
	if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
		return nil
	}
	target, id, inside := strings.Cut(to, "#")
	if target != "" {
		file := filepath.Join(root, filepath.Dir(page), target)
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("link %q: there is no such file", to)
		}
		if rel, err := filepath.Rel(root, file); err != nil || !filepath.IsLocal(rel) {
			return fmt.Errorf("link %q leads out of the repository", to)
		}
		if !inside || info.IsDir() {
			return nil
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text = string(b)
	}
	if inside && !slices.Contains(anchors(text), id) {
		return fmt.Errorf("link %q: no heading there has that name", to)
	}
	return nil
}

// Every link of every page in the repository leads to a file and a heading that are there.
func TestLinksLeadSomewhere(t *testing.T) {
	pages := pagesOf(t, sourceRoot)
	for _, want := range []string{"README.md", "DESIGN.md", "CONTRIBUTING.md", Catalogue, "docs/words.md"} {
		if pages[want] == "" {
			t.Errorf("got no page %s", want)
		}
	}
	for _, link := range deadLinks(sourceRoot, pages) {
		t.Error(link)
	}
}

// Lines of Markdown are read in terminals and in diffs: they have 100 columns at most, where they can be broken.
func TestPagesAreWrapped(t *testing.T) {
	for page, text := range pagesOf(t, sourceRoot) {
		for _, line := range tooWide(text) {
			t.Errorf("%s:%s", page, line)
		}
	}
}

// item is what a line of a list begins with.
var item = regexp.MustCompile(`^\s*(?:[-*+]|\d+[.)])?\s+`)

// tooWide are the lines of a page that could be broken and are not.
func tooWide(text string) []string {
	var wide []string
	for n, line := range prosaic(text) {
		if strings.HasPrefix(line, "|") || strings.HasPrefix(line, "#") || utf8.RuneCountInString(line) <= columns {
			continue
		}
		if len(units(item.ReplaceAllString(line, ""))) > 1 {
			got := utf8.RuneCountInString(line)
			wide = append(wide, fmt.Sprintf("%d: %d columns, want %d: %s", n, got, columns, line))
		}
	}
	slices.Sort(wide)
	return wide
}

func TestAnchors(t *testing.T) {
	text := "# The lab's `up`, and *down*\n```\n# no heading\n```\n## A_b (5 %)\n## Again\n#nothing\n## Again\n" +
		"## [Words](words.md) and links\n"
	want := []string{"the-labs-up-and-down", "a_b-5-", "again", "again-1", "words-and-links"}
	if got := anchors(text); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeadLinksAreFound(t *testing.T) {
	root := t.TempDir()
	pages := map[string]string{
		"README.md": "# Top\n[a](docs/a.md) [b](docs/a.md#one) [c](#top) [d](docs) [e](https://example.com/x#y) " +
			"`[f](f.md)`\n<img src=\"docs/a.md\">\n",
		"docs/a.md": "# One\n[a](../README.md#top) [b](b.md) [c](#two) [d](../README.md#one)\n" +
			"```\n[e](e.md)\n```\n<img src=\"c.png\">\n[g](../../x.md)\n",
	}
	for name, text := range pages {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := pagesOf(t, root); len(got) != len(pages) {
		t.Errorf("got %d pages, want %d", len(got), len(pages))
	}
	want := []string{
		`docs/a.md:2: link "#two": no heading there has that name`,
		`docs/a.md:2: link "../README.md#one": no heading there has that name`,
		`docs/a.md:2: link "b.md": there is no such file`,
		`docs/a.md:6: link "c.png": there is no such file`,
		`docs/a.md:7: link "../../x.md": there is no such file`,
	}
	if got := deadLinks(root, pages); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWrap(t *testing.T) {
	a, long := strings.Repeat("a", 96), strings.Repeat("b", 101)
	for _, tc := range []struct{ lead, text, want string }{
		{"", "", ""},
		{"- ", "one  two\nthree", "- one two three"},
		{"- ", a + " b c", "- " + a + " b\n  c"},
		{"", a + " b - c", a + " b -\nc"},
		{"", a + "a b - c", a + "a\nb - c"},
		{"", a + " 1. b", a + " 1.\nb"},
		{"", a + " `b c` d", a + "\n`b c` d"},
		{"", a + " [b c](d.md), e", a + "\n[b c](d.md), e"},
		{"- ", long + " c", "- " + long + "\n  c"},
	} {
		got := Wrap(tc.lead, tc.text)
		if got != tc.want {
			t.Errorf("Wrap(%q, %q): got %q, want %q", tc.lead, tc.text, got, tc.want)
		}
		if wide := tooWide(got); len(wide) > 0 {
			t.Errorf("got %q too wide in what wrap made", wide)
		}
	}
	page := "| " + long + " b |\n- " + long + "\n" + a + " bcd e\n```\n" + a + " bcd e\n```\n"
	if wide := tooWide(page); len(wide) != 1 || !strings.HasPrefix(wide[0], "3: 102") {
		t.Errorf("got %q, want line 3", wide)
	}
}

// message is one that a page quotes: in a heading, or at the beginning of a row. gaps are what is left out of it, or
// where it is wrapped by another one.
var (
	message = regexp.MustCompile(`^(?:### |\| )(.*)$`)
	gaps    = regexp.MustCompile(`\.\.\.|: |; |"`)
)

// Messages that the page about troubles quotes are those of the code, so that people who look for one find it.
func TestQuotedMessagesAreThere(t *testing.T) {
	source := printed(t)
	page, err := os.ReadFile(filepath.Join(sourceRoot, "docs/troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	quoted := 0
	for n, line := range prosaic(string(page)) {
		m := message.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		// Of a row it is the first cell.
		head, _, _ := strings.Cut(m[1], " | ")
		for _, span := range codeSpan.FindAllString(head, -1) {
			for _, part := range gaps.Split(strings.Trim(span, "`"), -1) {
				if part = strings.Trim(part, " ,()%"); len(part) < 10 {
					continue
				}
				if quoted++; !strings.Contains(source, part) {
					t.Errorf("docs/troubleshooting.md:%d: no code has %q", n, part)
				}
			}
		}
	}
	if quoted < 50 {
		t.Errorf("got %d parts of messages, want many", quoted)
	}
}

// explained is a response flag that reports have words for, as its line of Go has it.
var explained = regexp.MustCompile(`(?m)^\t"([A-Z]+)":\s+"`)

// Every response flag that reports explain is in the table of words.
func TestEveryFlagIsExplained(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(sourceRoot, "docs/words.md"))
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"-", "?"}
	err = filepath.WalkDir(filepath.Join(sourceRoot, "reports"), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "flag.go" && d.Name() != "failure.go" {
			return err
		}
		text, err := os.ReadFile(file)
		for _, m := range explained.FindAllSubmatch(text, -1) {
			flags = append(flags, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(flags) < 15 {
		t.Errorf("got only the flags %q", flags)
	}
	for _, flag := range flags {
		if !strings.Contains(string(page), "\n| "+flag+" | ") {
			t.Errorf("docs/words.md has no row for the response flag %s", flag)
		}
	}
}

// literals is where one literal ends and the next of the same text begins.
var literals = regexp.MustCompile(`"\s*\+\s*"`)

// printed is the text of all that prints: Go files but for tests, and the Makefile.
func printed(t *testing.T) string {
	t.Helper()
	b := &strings.Builder{}
	add := func(file string) error {
		text, err := os.ReadFile(file)
		b.Write(text)
		return err
	}
	if err := add(filepath.Join(sourceRoot, "Makefile")); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(sourceRoot, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		return add(file)
	})
	if err != nil {
		t.Fatal(err)
	}
	// Long texts are broken into several literals.
	return literals.ReplaceAllString(b.String(), "")
}
