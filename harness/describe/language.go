package describe

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/story"
)

// Writing is the page on writing a scenario. The part of it between the marks language lists what a phase can
// be made of.
const Writing = "docs/writing-a-scenario.md"

const languageMark = "language"

// languagePage returns the text of Writing with the language as the sources have it, nil where there is no such page.
func languagePage(root string) ([]byte, error) {
	page, err := os.ReadFile(filepath.Join(root, Writing))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the scenario language: %w", err)
	}
	text, err := language(root)
	if err != nil {
		return nil, fmt.Errorf("list the scenario language: %w", err)
	}
	return between(Writing, page, languageMark, []byte(text))
}

// language lists the steps, proofs, expectations and detectors, each with the first sentence of its comment in
// the sources. What a type is follows from its methods, so that nobody has to list a new one.
func language(root string) (string, error) {
	lab, err := sources(root, "harness")
	if err != nil {
		return "", err
	}
	claims, err := sources(root, "harness/expect")
	if err != nil {
		return "", err
	}
	b := &strings.Builder{}
	list := func(heading, lead, column string, rows []string) {
		fmt.Fprintf(b, "## %s\n\n%s\n\n| %s | in a `story.yaml` | what it does |\n|---|---|---|\n%s\n", heading, lead,
			column, strings.Join(rows, ""))
	}
	list("Steps", "`Do` takes one of these, of package `harness`.", "step", types(lab, "do", byType(harness.Steps())))
	list("Proofs", "`Prove` and `Await` take these, of package `harness`.", "proof",
		types(lab, "look", byType(harness.Proofs())))
	list("Expectations", "`Expect` takes what these functions of package `harness/expect` return.\n"+
		"What is in brackets may follow: `expect.Share(\"v2\", 10).Of(\"beta\")`.",
		"expectation", functions(claims, "Check"))
	list("Detectors", "`Until` takes one of these, of package `harness`.", "detector",
		types(lab, "decide", byType(harness.Detectors())))
	return b.String(), nil
}

// byType says how the steps, proofs or detectors are written in a story.yaml, by the names of their types.
func byType[T any](kinds map[string]T) map[string]string {
	all := map[string]string{}
	for kind, zero := range kinds {
		all[reflect.TypeOf(zero).Name()] = written(story.Written[T](kind))
	}
	return all
}

// written is how a thing is written in a story.yaml, and what it may have besides.
func written(text string, also []string, ok bool) string {
	if !ok {
		return ""
	}
	text = code(text)
	for _, name := range also {
		text += ", " + code(name)
	}
	return text
}

// kindOf is recovered-within for RecoveredWithin, and grpc-status for GRPCStatus.
func kindOf(function string) string {
	return strings.ToLower(inWords.ReplaceAllString(function, "$1$3-$2$4"))
}

// inWords finds where a word of a name ends and another begins.
var inWords = regexp.MustCompile("([a-z])([A-Z])|([A-Z])([A-Z][a-z])")

// sources returns the documentation of a package, by its folder. It has what is not exported too.
func sources(root, folder string) (*doc.Package, error) {
	found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.go"))
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, file := range found {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(set, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, parsed)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no sources in %s", folder)
	}
	return doc.NewFromFiles(set, files, path.Base(folder), doc.AllDecls)
}

// types has a row for each exported type that has the method.
func types(p *doc.Package, method string, inYAML map[string]string) (rows []string) {
	for _, t := range p.Types {
		if ast.IsExported(t.Name) && has(t, method) {
			rows = append(rows, row(p, t.Name+literal(t), inYAML[t.Name], t.Name, t.Doc))
		}
	}
	return rows
}

// functions has a row for each exported function that makes a type that has the method.
func functions(p *doc.Package, method string) (rows []string) {
	for _, t := range p.Types {
		if !has(t, method) {
			continue
		}
		for _, f := range t.Funcs {
			if ast.IsExported(f.Name) {
				inYAML := written(story.Written[expect.Expectation](kindOf(f.Name)))
				rows = append(rows, row(p, f.Name+parameters(f)+refinements(t), inYAML, f.Name, f.Doc))
			}
		}
	}
	slices.Sort(rows)
	return rows
}

func has(t *doc.Type, method string) bool {
	return slices.ContainsFunc(t.Methods, func(m *doc.Func) bool { return m.Name == method })
}

// row is a row of a table: how a thing is written in Go and in a story.yaml, and the first sentence of its comment
// without the name that it begins with.
func row(p *doc.Package, written, inYAML, name, comment string) string {
	sentence := strings.TrimSuffix(strings.TrimPrefix(p.Synopsis(comment), name+" "), ".")
	return fmt.Sprintf("| %s | %s | %s |\n", cell(code(written)), cell(cmp.Or(inYAML, "only in Go")),
		cell(Prose(sentence)))
}

// literal is what follows a type's name in a literal of it.
func literal(t *doc.Type) string {
	body, ok := t.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
	if !ok {
		return `("…")`
	}
	return "{" + strings.Join(names(body.Fields), ", ") + "}"
}

// parameters is what follows a function's name in a call of it.
func parameters(f *doc.Func) string { return "(" + strings.Join(names(f.Decl.Type.Params), ", ") + ")" }

// refinements are the methods that return the type again, such as Of.
func refinements(t *doc.Type) string {
	text := ""
	for _, m := range t.Methods {
		results := m.Decl.Type.Results
		if !ast.IsExported(m.Name) || results == nil || len(results.List) != 1 {
			continue
		}
		if result, ok := results.List[0].Type.(*ast.Ident); ok && result.Name == t.Name {
			text += "[." + m.Name + parameters(m) + "]"
		}
	}
	return text
}

// names are those of fields or parameters.
func names(list *ast.FieldList) (all []string) {
	for _, field := range list.List {
		for _, name := range field.Names {
			all = append(all, name.Name)
		}
	}
	return all
}
