package authoring

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/harness/story"
	"github.com/canarylab/canarylab/internal/kebab"
)

// DefaultTitle is the title of a skeleton.
const DefaultTitle = "A canary gets 10 % of the requests and is rolled back"

// Paths in the source tree, below its root.
const (
	catalogue = "scenarios"              // folder of the scenarios
	listFile  = "scenarios/scenarios.go" // has All, the list of them
	tableFile = describe.Catalogue       // has their table
)

//go:embed skeleton/*.tmpl
var skeletonFiles embed.FS

var skeletons = template.Must(template.ParseFS(skeletonFiles, "skeleton/*.tmpl"))

// ErrName is wrapped by errors about a name or a title that a scenario can't have.
var ErrName = errors.New("not a scenario's name")

const notKebab = "%w: %q is not in kebab case, with up to 40 letters, such as label-mismatch"

// New writes a scenario that runs and passes as it is: a canary at 10 % and its rollback. It makes the
// scenario's folder and Go file, and enters it into the catalogue's list and into the table of the
// documentation. root is the source tree's. It returns what was written or changed, below root; after an error
// all is as it was.
func New(root, name, title string) (written []string, err error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if title == "" || strings.ContainsAny(title, "|\n") {
		const want = "%w: title %q has to fit into a cell of a table: not empty, one line, no |"
		return nil, fmt.Errorf(want, ErrName, title)
	}
	identifier := variable(name)
	if err := checkVariable(root, name, identifier); err != nil {
		return nil, err
	}

	// All is made before the first file is written.
	goFile := filepath.Join(catalogue, describe.GoFile(name))
	var added []change
	words := map[string]string{"Name": name, "Title": title, "Var": identifier}
	for _, f := range []struct{ path, template string }{
		{filepath.Join(catalogue, name, "1-baseline.yaml"), "1-baseline.yaml.tmpl"},
		{filepath.Join(catalogue, name, "2-canary.yaml"), "2-canary.yaml.tmpl"},
		{goFile, "scenario.go.tmpl"},
	} {
		var b bytes.Buffer
		if err := skeletons.ExecuteTemplate(&b, f.template, words); err != nil {
			return nil, fmt.Errorf("make %s: %w", f.path, err)
		}
		added = append(added, change{path: f.path, now: b.Bytes()})
	}
	list, err := edit(root, listFile, func(old []byte) ([]byte, error) { return listed(old, identifier) })
	if err != nil {
		return nil, err
	}
	row := describe.Row(name, title, describe.OwnAPI)
	table, err := edit(root, tableFile, func(old []byte) ([]byte, error) { return tabled(old, row) })
	if err != nil {
		return nil, err
	}
	return write(root, filepath.Join(catalogue, name), append(added, list, table))
}

// Story writes a story without Go that runs and passes as it is, into a folder of that name: what New writes into the
// source tree. It returns what was written.
func Story(dir, title string) (written []string, err error) {
	name := filepath.Base(dir)
	if !kebab.IsLabel(name) || len(name) > 40 {
		return nil, fmt.Errorf(notKebab, ErrName, name)
	}
	if title == "" || strings.Contains(title, "\n") {
		return nil, fmt.Errorf("%w: title %q is not a line", ErrName, title)
	}
	files := map[string][]byte{story.SchemaFile: story.JSON}
	for _, file := range []string{"1-baseline.yaml", "2-canary.yaml", story.File} {
		var b bytes.Buffer
		err := skeletons.ExecuteTemplate(&b, file+".tmpl", map[string]string{"Name": name, "Title": title})
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", file, err)
		}
		files[file] = b.Bytes()
	}
	written, err = story.Write(dir, files)
	if errors.Is(err, story.ErrNotEmpty) {
		err = fmt.Errorf("%w: %w", ErrName, err)
	}
	return written, err
}

// Exists tells whether the source tree has a scenario of that name, built in or not.
func Exists(root, name string) bool {
	if !kebab.IsLabel(name) {
		return false
	}
	for _, path := range []string{name, describe.GoFile(name)} {
		if _, err := os.Stat(filepath.Join(root, catalogue, path)); err != nil {
			return false
		}
	}
	return true
}

// checkName refuses names that can't be those of a scenario, of its namespace and of its Go file.
func checkName(name string) error {
	if !kebab.IsLabel(name) || len(name) > 40 {
		return fmt.Errorf(notKebab, ErrName, name)
	}
	// some_linux.go and some_test.go are special to Go.
	open := func(string) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader("package scenarios\n")), nil
	}
	nowhere := build.Context{GOOS: "none", GOARCH: "none", Compiler: "gc", OpenFile: open}
	everywhere, err := nowhere.MatchFile(".", describe.GoFile(name))
	if err != nil || !everywhere || strings.HasSuffix(name, "-test") {
		return fmt.Errorf("%w: Go would build %s for some systems or tests only: use another last word than in %q",
			ErrName, describe.GoFile(name), name)
	}
	return nil
}

// variable is labelMismatch for label-mismatch.
func variable(name string) string {
	words := strings.Split(name, "-")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// checkVariable refuses names that there are already, as a scenario or as something else in the catalogue's package.
func checkVariable(root, name, identifier string) error {
	for _, path := range []string{filepath.Join(catalogue, name), filepath.Join(catalogue, describe.GoFile(name))} {
		if _, err := os.Lstat(filepath.Join(root, path)); err == nil {
			return fmt.Errorf("%w: there is a %s already", ErrName, path)
		}
	}
	if token.IsKeyword(identifier) || types.Universe.Lookup(identifier) != nil {
		return fmt.Errorf("%w: %q means something to Go", ErrName, name)
	}
	files, err := filepath.Glob(filepath.Join(root, catalogue, "*.go"))
	if err != nil {
		return err
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("read the catalogue: %w", err)
		}
		if slices.Contains(declared(file), identifier) {
			path = filepath.Join(catalogue, filepath.Base(path))
			return fmt.Errorf("%w: %s is taken in %s", ErrName, identifier, path)
		}
	}
	return nil
}

// declared returns the names that a file has at its top: its own, and those of the packages that it imports.
func declared(file *ast.File) (names []string) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
			names = append(names, f.Name.Name)
		}
		group, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range group.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					names = append(names, n.Name)
				}
			case *ast.ImportSpec:
				name := filepath.Base(strings.Trim(spec.Path.Value, `"`))
				if spec.Name != nil {
					name = spec.Name.Name
				}
				names = append(names, name)
			}
		}
	}
	return names
}

// listed adds a variable at the end of the list that All returns.
func listed(src []byte, identifier string) ([]byte, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "All" || len(f.Body.List) != 1 {
			continue
		}
		result, ok := f.Body.List[0].(*ast.ReturnStmt)
		if !ok || len(result.Results) != 1 {
			continue
		}
		list, ok := result.Results[0].(*ast.CompositeLit)
		if !ok {
			continue
		}
		end := set.Position(list.Rbrace).Offset
		text := strings.TrimSpace(string(src[:end]))
		if len(list.Elts) > 0 && !strings.HasSuffix(text, ",") {
			text += ","
		}
		return format.Source([]byte(text + "\n" + identifier + ",\n" + string(src[end:])))
	}
	return nil, errors.New("it has no func All that returns a literal")
}

// tabled adds a row at the end of the documentation's table of scenarios.
func tabled(text []byte, row string) ([]byte, error) {
	before, rows, ok := strings.Cut(string(text), describe.TableHead)
	if !ok {
		return nil, fmt.Errorf("it has no table that begins with %q", describe.TableHead)
	}
	end := 0
	for line := range strings.Lines(rows) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		end += len(line)
	}
	return []byte(before + describe.TableHead + rows[:end] + row + rows[end:]), nil
}
