// Package internal holds the whole tree to its measures.
package internal

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The measures. Tests may be longer, and not wider.
const (
	fileLines     = 400
	functionLines = 70
	columns       = 120
	tab           = 4
)

// exceptions are what may exceed a measure, each with its reason, which DESIGN.md has too: a file ("harness/x.go"), a
// function ("harness/x.go: name") or, for its width, a line ("harness/x.go: the line's first words").
var exceptions = map[string]string{}

// skipped are folders that hold no code of ours, or what tools make.
var skipped = map[string]bool{".git": true, "bin": true, "out": true, "testdata": true, "node_modules": true}

func TestFilesFunctionsAndLinesKeepTheirMeasures(t *testing.T) {
	used := map[string]bool{}
	exceeds := func(name, format string, args ...any) {
		if exceptions[name] == "" {
			t.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
		}
		used[name] = true
	}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped[d.Name()]:
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), "../")
		for line := range strings.Lines(string(src)) {
			if w := width(strings.TrimSuffix(line, "\n")); w > columns {
				words := strings.Fields(line)
				first := strings.Join(words[:min(3, len(words))], " ")
				exceeds(name+": "+first, "a line of %d columns, want %d at most", w, columns)
			}
		}
		if strings.HasSuffix(name, "_test.go") {
			return nil
		}
		if n := bytes.Count(src, []byte("\n")); n > fileLines {
			exceeds(name, "%d lines, want %d at most: one noun a file", n, fileLines)
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				if n := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1; n > functionLines {
					exceeds(name+": "+f.Name.Name, "%d lines, want %d at most", n, functionLines)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range exceptions {
		if !used[name] {
			t.Errorf("%s is an exception that exceeds nothing: take it from the list", name)
		}
	}
}

// width is that of a line with tabs as editors show them.
func width(line string) int {
	n := 0
	for _, r := range line {
		if n++; r == '\t' {
			n += tab - 1 - (n-1)%tab
		}
	}
	return n
}
