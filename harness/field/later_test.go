package field

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// header is how a file of testdata/later begins. First is what was found when the file was written, before anything was
// changed for it.
var header = regexp.MustCompile(`^# Mistake: .*\n# Source: (.*)\.\n# First: (.*)\.\n`)

// Mistakes that were written down after the findings were made are kept apart: what was found of them at first sight is
// an estimate of what is found of the next one.
func TestLaterMistakes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus, "later", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files (%v), want some", len(files), err)
	}
	var rows []string
	first, now, analyzed := 0, 0, 0
	for _, file := range files {
		h := header.FindStringSubmatch(string(read(t, file)))
		if h == nil {
			t.Errorf("%s: got no mistake, source and first finding in the first lines, want them", file)
			continue
		}
		r := readingOf(t, file)
		what := strings.Join(r.kinds, ", ")
		switch {
		case r.refused != nil:
			what = "refused"
		case what == "":
			what = "missed"
		}
		in, _ := analyze(t, file)
		count := func(n *int, found bool) {
			if found {
				*n++
			}
		}
		count(&first, h[2] != "missed")
		count(&now, what != "missed")
		count(&analyzed, len(in) > 0)
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s |", name, h[1], h[2], what, orNothing(in)))
		t.Log(rows[len(rows)-1])
	}
	hold(t, "later", rows, fmt.Sprintf("| %d | | %d | %d | %d |", len(files), first, now, analyzed))
}
