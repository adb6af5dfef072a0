package reports_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTheDataGoOneWay holds the packages to the order of trace, analysis, reports and formats: each may name
// those before it, and format.
func TestTheDataGoOneWay(t *testing.T) {
	const here = "github.com/canarylab/canarylab/reports"
	for dir, may := range map[string][]string{
		"format": {}, "terminal": {}, "trace": {}, "analysis": {"/trace", "/format"},
		".": {"/trace", "/analysis", "/format"}, "page": {"", "/trace", "/analysis", "/format"},
		"replay": {"", "/page", "/trace", "/format"},
	} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got files %q, %v", dir, files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range f.Imports {
				path, _ := strconv.Unquote(i.Path.Value)
				if sub, ours := strings.CutPrefix(path, here); ours && !slices.Contains(may, sub) {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
	}
}
