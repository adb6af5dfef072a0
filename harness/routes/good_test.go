package routes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing in testdata/good looks like a mistake, and each file says what of the field it uses.
func TestNoFalseAlarms(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "good", "*.yaml"))
	if err != nil || len(files) < 50 {
		t.Fatalf("got %d files (%v), want 50 or more", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(b), "# Good: ") {
				t.Error("got no first line that says what is good, want # Good: ...")
			}
			table := read(t, name+".yaml", string(b))
			for _, f := range table.Findings {
				if f.Kind != NotLookedAt {
					t.Errorf("got %s at %s: %s", f.Kind, f.Source, f.Text)
				}
			}
			checkClasses(t, table)
		})
	}
}
