package internal

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	deletes = regexp.MustCompile(`\b(?:rm|rmdir)\s[^|;&]*`)
	// quoted is what a shell takes as one word, whatever is in it.
	quoted = regexp.MustCompile(`"[^"]*"|'[^']*'`)
)

// TestWhatIsDeletedIsQuoted holds that no Makefile and no script deletes a path by a variable that stands outside of
// quotes: where it is empty or has a blank, that is another path, and scripts here run as root.
func TestWhatIsDeletedIsQuoted(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped[d.Name()]:
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) == ".go" || filepath.Ext(path) == ".md":
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil || d.Name() != "Makefile" && !bytes.HasPrefix(src, []byte("#!")) {
			return err
		}
		for n, line := range strings.Split(string(src), "\n") {
			if strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			for _, command := range deletes.FindAllString(line, -1) {
				seen++
				if bare := quoted.ReplaceAllString(command, ""); strings.Contains(bare, "$") {
					t.Errorf("%s:%d: %q deletes what is not quoted", path, n+1, command)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("no script deletes anything: this test looks at the wrong places")
	}
}
