package harness

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// packageDoc is the documentation of this package, by its sources.
func packageDoc(t *testing.T) *doc.Package {
	t.Helper()
	found, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, file := range found {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(set, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, parsed)
	}
	p, err := doc.NewFromFiles(set, files, "harness", doc.AllDecls)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// code are the exported types and functions that no file can say: their fields are Go.
var code = map[string]string{"Refereed": "a Referee is whoever uses the engine"}

// Each exported step, proof and detector, and each ready-made check, is known to stories without Go.
func TestEveryKindIsKnown(t *testing.T) {
	p := packageDoc(t)
	exported := func(method string) (names []string) {
		for _, typ := range p.Types {
			is := slices.ContainsFunc(typ.Methods, func(m *doc.Func) bool { return m.Name == method })
			if is && ast.IsExported(typ.Name) && code[typ.Name] == "" {
				names = append(names, typ.Name)
			}
		}
		return names
	}
	compare := func(what string, got, want []string) {
		t.Helper()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q known, want %q: let the file of the missing one say its kind", what, got, want)
		}
	}
	compare("steps", typeNames(Steps()), exported("do"))
	compare("proofs", typeNames(Proofs()), exported("look"))
	compare("detectors", typeNames(Detectors()), exported("decide"))
	var makers []string
	for _, typ := range p.Types {
		for _, f := range typ.Funcs {
			if typ.Name == "Check" && ast.IsExported(f.Name) {
				makers = append(makers, kebabOf(f.Name))
			}
		}
	}
	compare("checks", slices.Collect(maps.Keys(Checks())), makers)
	for name, d := range Detectors() {
		if want := kebabOf(reflect.TypeOf(d).Name()); name != want {
			t.Errorf("got detector %s, want %s", name, want)
		}
	}
}

func typeNames[T any](kinds map[string]T) (names []string) {
	for _, zero := range kinds {
		names = append(names, reflect.TypeOf(zero).Name())
	}
	return names
}

// kebabOf is failed-share for FailedShare.
func kebabOf(name string) string {
	var b strings.Builder
	letters := []rune(name)
	for i, r := range letters {
		// A word begins with a capital, or is capitals up to the next word's, as in GRPCStatus.
		begins := i > 0 && unicode.IsUpper(r) && (unicode.IsLower(letters[i-1]) ||
			i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if begins {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func TestMadeTellsWhatMadeACheck(t *testing.T) {
	for name, made := range Checks() {
		kind, subset, ok := made("v2", 7).Made()
		if kind != name || subset != "v2" || !ok {
			t.Errorf("%s of v2: got %q, %q, %t", name, kind, subset, ok)
		}
	}
	own := FailedShare("v2", 5)
	own.Query = "vector(1)"
	for _, c := range []Check{{}, own, {Name: "n", Query: "q", Series: "s", Limit: 1}} {
		if kind, subset, ok := c.Made(); ok {
			t.Errorf("%+v: got %q of %q, want a query of somebody's own", c, kind, subset)
		}
	}
}
