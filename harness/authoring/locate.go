// Package authoring helps people who write scenarios: it writes a skeleton that runs, and says where in the
// sources a mistake is.
package authoring

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/describe"
	"github.com/canarylab/canarylab/harness/manifest"
)

// locate finds the line, counted from 1, on which a scenario's Go file says Name: name. For a phase it looks among the
// Phases first and then anywhere, for phases that are made elsewhere in the file.
func locate(src []byte, name string, isPhase bool) (line int, ok bool) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", src, parser.SkipObjectResolution)
	if err != nil {
		return 0, false
	}
	named := func(root ast.Node) {
		ast.Inspect(root, func(n ast.Node) bool {
			value, is := field(n, "Name")
			if literal, isLiteral := value.(*ast.BasicLit); is && isLiteral && !ok {
				if s, err := strconv.Unquote(literal.Value); err == nil && s == name {
					line, ok = set.Position(n.Pos()).Line, true
				}
			}
			return !ok
		})
	}
	if isPhase {
		ast.Inspect(file, func(n ast.Node) bool {
			if value, is := field(n, "Phases"); is {
				named(value)
			}
			return !ok
		})
	}
	if !ok {
		named(file)
	}
	return line, ok
}

// field is the value of a field in a literal, if n is that field.
func field(n ast.Node, name string) (ast.Expr, bool) {
	pair, ok := n.(*ast.KeyValueExpr)
	if !ok {
		return nil, false
	}
	key, ok := pair.Key.(*ast.Ident)
	return pair.Value, ok && key.Name == name
}

// Where takes the error of a scenario's Check apart and says of each part where it is, in the form file:line:
// text. dir is the catalogue's folder as files are to be called; where there is no scenario's file in it, lines
// are of manifests only.
func Where(dir, scenario string, err error) []string {
	var all []string
	file := filepath.Join(dir, describe.GoFile(scenario))
	src, readErr := os.ReadFile(file)
	at := func(name string, isPhase bool) string {
		if readErr != nil {
			return ""
		}
		if line, ok := locate(src, name, isPhase); ok {
			return fmt.Sprintf("%s:%d: ", file, line)
		}
		return file + ": "
	}
	for _, err := range manifest.Parts(err) {
		var problem manifest.Problem
		var phase *harness.PhaseError
		switch {
		case errors.As(err, &problem):
			problem.File = filepath.Join(dir, problem.File)
			all = append(all, problem.Error())
		case errors.As(err, &phase):
			text := phase.Error()
			if where := at(phase.Name, true); where != "" {
				text = where + phase.Text()
			}
			all = append(all, text)
		default:
			all = append(all, at(scenario, false)+err.Error())
		}
	}
	return all
}
