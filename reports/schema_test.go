package reports

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/internal/golden"
	"github.com/canarylab/canarylab/reports/schema"
)

// module is the path of the packages whose comments describe the fields.
const module = "github.com/canarylab/canarylab"

// unit marks what is a time in the schema, in words of our own.
const unit = "x-unit"

// latencyJSON is an analysis.Latency in a file, which is written by a method of its own.
type latencyJSON struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50Ms"`
	P90  float64 `json:"p90Ms"`
	P99  float64 `json:"p99Ms"`
	P999 float64 `json:"p999Ms"`
	Max  float64 `json:"maxMs"`
}

func TestLatencyIsWrittenAsTheSchemaSays(t *testing.T) {
	got, err := json.Marshal(analysis.Latency{N: 1, P50: 2e6, P90: 3e6, P99: 4e6, P999: 5e6, Max: 6e6})
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(latencyJSON{1, 2, 3, 4, 5, 6})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// reflectSchema makes the JSON Schema of a Report from the Go types. Strict allows no field that the types do
// not have; the published one does, because a field that an older reader does not miss is no reason for a new
// schema.
func reflectSchema(t *testing.T, strict bool) []byte {
	t.Helper()
	r := &jsonschema.Reflector{AllowAdditionalProperties: !strict, Anonymous: true, ExpandedStruct: true}
	r.Mapper = func(of reflect.Type) *jsonschema.Schema {
		switch of {
		case reflect.TypeFor[time.Duration]():
			return &jsonschema.Schema{Type: "integer", Extras: map[string]any{unit: "ns"}}
		case reflect.TypeFor[analysis.Latency]():
			s := r.Reflect(latencyJSON{})
			s.Version, s.Definitions = "", nil
			s.Description = "Percentiles of the latency of n requests, in milliseconds."
			for name, p := range s.Properties.FromOldest() {
				if name != "n" {
					p.Extras = map[string]any{unit: "ms"}
				}
			}
			return s
		case reflect.TypeFor[Outcome]():
			// No enum: readers take what they do not know for invalid.
			return &jsonschema.Schema{Type: "string", Examples: []any{Pass, Inconclusive, Invalid, Fail}}
		}
		return nil
	}
	// Comments are found by the packages' paths below the module, and walked from its root.
	t.Chdir("..")
	for _, dir := range []string{"reports", "loadgen"} {
		if err := r.AddGoComments(module, dir, jsonschema.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir("reports")
	for key, text := range r.CommentMap {
		r.CommentMap[key] = strings.Join(strings.Fields(text), " ")
	}
	s := r.Reflect(Report{})
	s.ID = jsonschema.ID("https://" + module + "/schemas/report/" + strconv.Itoa(Schema))
	s.Title = "canarylab report"
	nullable(s)
	for _, def := range s.Definitions {
		nullable(def)
	}
	problems(s.Definitions["Accounting"])
	version, _ := s.Properties.Get("schema")
	version.Const = Schema
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// problems adds what Accounting writes by a method of its own.
func problems(accounting *jsonschema.Schema) {
	for _, p := range []struct {
		name, of, about string
	}{
		{"problems", "string", "Problems say in one sentence each what does not balance, or which limit was broken."},
		{
			"voids", "",
			"Voids counts those of the Problems that are the machine's: the generator could not keep its plan, or a " +
				"clock moved.",
		},
		{"voidProblems", "integer", "VoidProblems are the places of those in Problems, counted from 0."},
	} {
		s := &jsonschema.Schema{Type: "integer", Description: p.about}
		if p.of != "" {
			s.Type, s.Items = "array", &jsonschema.Schema{Type: p.of}
		}
		accounting.Properties.Set(p.name, s)
	}
}

// nullable lets lists and maps be null that are always written: Go writes so what has nothing in it.
func nullable(s *jsonschema.Schema) {
	if s.Properties == nil {
		return
	}
	for name, p := range s.Properties.FromOldest() {
		if slices.Contains(s.Required, name) && (p.Type == "array" || p.Type == "object" && p.Properties == nil) {
			about := p.Description
			p.Description = ""
			s.Properties.Set(name, &jsonschema.Schema{
				Description: about, OneOf: []*jsonschema.Schema{p, {Type: "null"}},
			})
		}
	}
}

func TestJSONSchemaIsCurrent(t *testing.T) {
	got := reflectSchema(t, false)
	path := filepath.Join("schema", "report.schema.json")
	if golden.Update() {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf(
			"%s is not that of the Go types (%v): go generate ./reports writes it anew; a change that older readers "+
				"would misread also raises Schema",
			path, err,
		)
	}
}

// TestReportsFitTheSchema holds every report in testdata, and every one that these tests make, against the
// published schema and against the one that allows no other field.
func TestReportsFitTheSchema(t *testing.T) {
	strict, err := schema.Compile(reflectSchema(t, true))
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, r *Report) {
		t.Helper()
		dir := t.TempDir()
		if err := r.Save(dir); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, ReportFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Check(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := schema.CheckWith(strict, b); err != nil {
			t.Errorf("%s, strictly: %v", name, err)
		}
	}
	for name, r := range fixtures() {
		check(name, r)
	}
	dirs, err := filepath.Glob(filepath.Join("testdata", "runs", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("got folders %q, %v, want those of runs", dirs, err)
	}
	for _, dir := range dirs {
		r, err := Load(dir)
		if err != nil {
			t.Error(err)
			continue
		}
		check(dir, r)
	}
}

func TestTheSchemaRefuses(t *testing.T) {
	good, err := json.Marshal(labReport())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ old, changed, want string }{
		"another schema":       {`"schema":0`, `"schema":3`, "/schema"},
		"no scenario":          {`"scenario":`, `"other":`, "scenario"},
		"a time in words":      {`"tookNs":23400000000`, `"tookNs":"23.4s"`, "/tookNs"},
		"a date that is none":  {`"started":"2026-11-23T06:01:02Z"`, `"started":"yesterday"`, "/started"},
		"a count that is none": {`"unexplainedTotal":`, `"unexplainedTotal":"x","other":`, "/books/unexplainedTotal"},
	} {
		if !bytes.Contains(good, []byte(test.old)) {
			t.Fatalf("%s: the report has no %s", name, test.old)
		}
		b := bytes.Replace(good, []byte(test.old), []byte(test.changed), 1)
		b = bytes.Replace(b, []byte(`"schema":0`), []byte(`"schema":2`), 1)
		if err := schema.Check(b); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want one that names %s", name, err, test.want)
		}
	}
}

// timely are names that sound like a time.
var timely = regexp.MustCompile(
	`(?i)(took|time|duration|latency|lag|drain|stall|period|wait|age|after|until|since|elapsed|delay)`)

// TestTimesHaveTheirUnitInTheirName walks the published schema: whoever reads a number must not have to guess.
func TestTimesHaveTheirUnitInTheirName(t *testing.T) {
	// None of these is a time.
	notTimes := []string{"noneAfter", "runDelay", "stalls", "late", "agents", "agent"}
	var doc any
	if err := json.Unmarshal(schema.JSON, &doc); err != nil {
		t.Fatal(err)
	}
	seen := 0
	var walk func(path string, node any)
	walk = func(path string, node any) {
		m, ok := node.(map[string]any)
		if !ok {
			if list, ok := node.([]any); ok {
				for _, n := range list {
					walk(path, n)
				}
			}
			return
		}
		if properties, ok := m["properties"].(map[string]any); ok {
			for name, p := range properties {
				of := kindOf(p)
				switch of[unit] {
				case "ns":
					seen++
					if !strings.HasSuffix(name, "Ns") {
						t.Errorf("%s.%s is in nanoseconds, and its name does not end in Ns", path, name)
					}
				case "ms":
					seen++
					if !strings.HasSuffix(name, "Ms") {
						t.Errorf("%s.%s is in milliseconds, and its name does not end in Ms", path, name)
					}
				default:
					kind := of["type"]
					number := kind == "integer" || kind == "number"
					if number && strings.HasSuffix(name, "Ns") {
						t.Errorf("%s.%s is called nanoseconds and is no time.Duration", path, name)
					}
					if number && timely.MatchString(name) && !slices.Contains(
						notTimes, name,
					) && !strings.HasSuffix(name, "Ms") && !strings.HasSuffix(name, "Seconds") {
						t.Errorf("%s.%s sounds like a time and has no unit in its name", path, name)
					}
				}
			}
		}
		for key, n := range m {
			walk(path+"."+key, n)
		}
	}
	walk("", doc)
	if seen < 20 {
		t.Errorf("got %d times, want all of them", seen)
	}
}

// kindOf is what says of which type a property is: that of its elements for a list.
func kindOf(property any) map[string]any {
	m, _ := property.(map[string]any)
	if one, ok := m["oneOf"].([]any); ok {
		return kindOf(one[0])
	}
	if items, ok := m["items"]; ok {
		return kindOf(items)
	}
	return m
}
