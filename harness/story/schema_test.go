package story

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	generator "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

var update = flag.Bool("update", false, "write the schema anew")

// module is the path of the packages whose comments describe kinds and keys.
const module = "github.com/canarylab/canarylab"

type object = map[string]any

// A schemer makes the schema of the types that Read reads.
type schemer struct {
	comments map[string]string
	// claims are the comments of the functions that make expectations and checks.
	functions   map[string]string
	definitions object
}

// enums are the values of some texts.
var enums = map[reflect.Type][]any{
	reflect.TypeFor[loadgen.Entry]():          {loadgen.Sidecar, loadgen.Plain, loadgen.Gateway},
	reflect.TypeFor[sampleapp.Distribution](): {"uniform", "exponential", "normal"},
	reflect.TypeFor[sampleapp.Overflow]():     {"reject", "queue"},
}

// of is the schema of a type, by a reference where it is a struct or a union.
func (s *schemer) of(t reflect.Type) object {
	if u, ok := unions()[t]; ok {
		name := strings.TrimPrefix(strings.TrimPrefix(u.noun, "an "), "a ")
		return s.define(name, func() object { return s.union(u) })
	}
	switch {
	case t == duration:
		return object{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`, "examples": []any{"5s"}}
	case enums[t] != nil:
		return object{"enum": enums[t]}
	case t == reflect.TypeFor[sampleapp.Codes]():
		return object{"type": "string", "examples": []any{"500/503"}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Struct:
		return s.define(strings.ToLower(t.Name()[:1])+t.Name()[1:], func() object { return s.object(t, keysOf(t)) })
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	default:
		return object{"type": "integer"}
	}
}

func (s *schemer) define(name string, make func() object) object {
	if s.definitions[name] == nil {
		s.definitions[name] = object{} // for one that has itself in it
		s.definitions[name] = make()
	}
	return object{"$ref": "#/definitions/" + name}
}

// object is the schema of some keys of a struct.
func (s *schemer) object(t reflect.Type, keys []key) object {
	properties := object{}
	var required []any
	choices := map[string][]any{}
	for _, k := range keys {
		of := s.of(k.of)
		if about := s.comments[t.PkgPath()+"."+t.Name()+"."+t.Field(k.field).Name]; about != "" {
			if of["$ref"] != nil {
				of = object{"allOf": []any{of}} // draft 7 takes nothing beside a reference
			}
			of["description"] = about
		}
		properties[k.name] = of
		switch {
		case k.choice != "":
			choices[k.choice] = append(choices[k.choice], object{"required": []any{k.name}})
		case !k.optional:
			required = append(required, k.name)
		}
	}
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		o["required"] = required
	}
	for _, one := range choices {
		o["oneOf"] = one
	}
	return o
}

// union is the schema of one of several kinds: its name with what belongs to it, or its name alone.
func (s *schemer) union(u union) object {
	properties := object{}
	var alone []any
	for _, k := range u.kinds {
		body := s.body(k)
		if about := s.about(k); about != "" {
			body["description"] = about
		}
		properties[k.name] = body
		if !k.isText() && len(k.needed()) == 0 {
			alone = append(alone, k.name)
		}
	}
	o := object{
		"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1,
		"maxProperties": 1,
	}
	if alone == nil {
		return o
	}
	return object{"anyOf": []any{o, object{"enum": alone}}}
}

func (s *schemer) body(k kind) object {
	if k.isText() {
		return object{"type": "string"}
	}
	o := s.object(k.form, k.keys)
	if only, ok := k.only(); ok {
		return object{"anyOf": []any{s.of(only.of), o}}
	}
	if len(k.needed()) == 0 {
		return object{"anyOf": []any{o, object{"type": "null"}}}
	}
	return o
}

// about is the first sentence on a kind: that on its type, or on the function that makes it.
func (s *schemer) about(k kind) string {
	about, own := s.comments[k.form.PkgPath()+"."+k.form.Name()], k.form.PkgPath() == module+"/harness/story"
	if about != "" && !own {
		return sentence(about)
	}
	return sentence(s.functions[goName(k.name)])
}

// goName is RecoveredWithin for recovered-within, and GRPCStatus for grpc-status.
func goName(kind string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(kind, "-") {
		if word == "grpc" {
			word = "GRPC"
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// sentence is the first one of a comment, without the Go name that it begins with.
func sentence(comment string) string {
	text := new(doc.Package).Synopsis(comment)
	if first, rest, ok := strings.Cut(text, " "); ok && unicode.IsUpper(rune(first[0])) && len(first) > 1 {
		return rest
	}
	return text
}

// functionComments are those of the exported functions of a package.
func functionComments(t *testing.T, dir string, into map[string]string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(found) == 0 {
		t.Fatalf("got %q, %v, want sources", found, err)
	}
	for _, file := range found {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() {
				into[f.Name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
	}
}

// A published is a schema that lies in this folder, and the type that it is of.
type published struct {
	file, id, title string
	of              reflect.Type
	text            []byte
}

func schemas() []published {
	return []published{
		{SchemaFile, "story", "canarylab story", reflect.TypeFor[harness.Scenario](), JSON},
		{
			"canary.schema.json", "canary", "what a team expects of its manifests", reflect.TypeFor[Canary](),
			CanarySchema,
		},
	}
}

func makeSchema(t *testing.T, p published) []byte {
	t.Helper()
	s := &schemer{functions: map[string]string{}, definitions: object{}}
	functionComments(t, "..", s.functions)
	functionComments(t, "../expect", s.functions)
	// Comments are found by the packages' paths below the module, and walked from its root.
	t.Chdir("../..")
	r := &generator.Reflector{}
	for _, dir := range []string{"harness", "loadgen", "sampleapp"} {
		if err := r.AddGoComments(module, dir, generator.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir("harness/story")
	s.comments = r.CommentMap
	for at, text := range s.comments {
		s.comments[at] = strings.Join(strings.Fields(text), " ")
	}
	top := s.object(p.of, keysOf(p.of))
	top["$schema"], top["$id"] = "http://json-schema.org/draft-07/schema#", "https://"+module+"/schemas/"+p.id
	top["title"], top["definitions"] = p.title, s.definitions
	b, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestTheSchemasAreCurrent(t *testing.T) {
	for _, p := range schemas() {
		got := makeSchema(t, p)
		if *update {
			if err := os.WriteFile(p.file, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !bytes.Equal(got, p.text) {
			t.Errorf("%s is not that of the kinds and keys: go test ./harness/story -update writes it anew", p.file)
		}
	}
}

// fits holds a story.yaml against the schema.
func fits(t *testing.T, text string) error {
	t.Helper()
	return fitsIn(t, JSON, text)
}

func fitsIn(t *testing.T, of []byte, text string) error {
	t.Helper()
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(of))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaFile, schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(SchemaFile)
	if err != nil {
		t.Fatal(err)
	}
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(doc)
}

// Whoever fills in a key has to be told what it means.
func TestTheSchemaDescribesEveryKind(t *testing.T) {
	var doc struct {
		Definitions map[string]struct {
			Properties map[string]object
			AnyOf      []struct{ Properties map[string]object }
		}
	}
	if err := json.Unmarshal(JSON, &doc); err != nil {
		t.Fatal(err)
	}
	for _, u := range unions() {
		name := strings.TrimPrefix(strings.TrimPrefix(u.noun, "an "), "a ")
		d := doc.Definitions[name]
		properties := d.Properties
		if properties == nil && len(d.AnyOf) > 0 {
			properties = d.AnyOf[0].Properties
		}
		for _, k := range u.kinds {
			if text, _ := properties[k.name]["description"].(string); text == "" {
				t.Errorf("%s %s has no description in the schema", u.noun, k.name)
			}
		}
	}
}

// Every key of a claim is a field of the records that package expect has, and has its type.
func TestClaimsHaveTheFieldsOfRecords(t *testing.T) {
	record := reflect.TypeFor[expect.Record]()
	// Lands, Noted, NotDead, Case and Stays are for programs.
	has := map[string]bool{
		"Kind": true, "Percent": true, "Places": true, "Note": true, "Value": true, "Rule": true, "Why": true,
	}
	form := reflect.TypeFor[claim]()
	for i := range form.NumField() {
		name := form.Field(i).Tag.Get("record")
		if _, ok := record.FieldByName(name); !ok {
			t.Errorf("%s is %q of a record, which there is not", form.Field(i).Name, name)
		}
		has[name] = true
	}
	for i := range record.NumField() {
		if !has[record.Field(i).Name] {
			t.Errorf("a claim has no key for %s of a record", record.Field(i).Name)
		}
	}
	if got := claimOf(claim{Time: time.Second, Of: "beta"}.record("lingers-for"), false); got.Time != time.Second ||
		got.Of != "beta" {
		t.Errorf("got %+v, want what was there", got)
	}
}
