package sampleapp

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
)

// Validate also rejects what Go code can write and JSON can't.
func TestValidateLiterals(t *testing.T) {
	for want, f := range map[string]Faults{
		"errorCodes: 503 comes after the zero": {ErrorCodes: Codes{500, 0, 503}},
		"errorCodes: 99 is not an HTTP error":  {ErrorCodes: Codes{500, 99}},
		"distribution: 7 is none of":           {Distribution: 7, Jitter: 1},
		"overflow: 2 is none of":               {Overflow: 2, Concurrency: 1},
		"closeRate: NaN is not between":        {CloseRate: math.NaN()},
		"jitter: -1ns is not between":          {Jitter: -1},
	} {
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", f, err, want)
		}
		// It can also be shown: as JSON, or with an error that names the knob.
		if _, err := json.Marshal(f); err != nil && !strings.Contains(err.Error(), "closeRate") {
			t.Errorf("%+v: got %v", f, err)
		}
	}
	for _, f := range []Faults{{}, {ErrorRate: 0.7, CloseRate: 0.2, ResetRate: 0.1}, {
		ErrorCodes: Codes{500, 501, 502, 503, 504, 505, 506, 507},
	}} {
		if err := f.Validate(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// Every field has a knob, and the JSON has what a knob sets: a pod echoes what it was told.
func TestEveryFieldHasItsKnob(t *testing.T) {
	if got, want := len(knobs), reflect.TypeFor[Faults]().NumField(); got != want {
		t.Errorf("got %d knobs for %d fields", got, want)
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(everyKnob), &all); err != nil {
		t.Fatal(err)
	}
	all["errorCode"] = 418.0
	for i, k := range knobs {
		b, err := json.Marshal(map[string]any{k.name: all[k.name]})
		if err != nil {
			t.Fatal(err)
		}
		var f, again Faults
		if err := json.Unmarshal(b, &f); err != nil {
			t.Errorf("%s: %v", b, err)
			continue
		}
		for n := range knobs {
			if got := !reflect.ValueOf(f).Field(n).IsZero(); got != (n == i) {
				t.Errorf("%s: field %s: got it set %t, want %t", b, reflect.TypeFor[Faults]().Field(n).Name, got,
					n == i)
			}
		}
		shown, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(shown, &again); err != nil {
			t.Errorf("%s: %v", shown, err)
		}
		// The code that was not set comes back as the default.
		if again.ErrorCode == DefaultErrorCode {
			again.ErrorCode = 0
		}
		if again != f {
			t.Errorf("%s: got %s, which is %+v, want %+v", b, shown, again, f)
		}
		if k.clear(&f); f != (Faults{}) {
			t.Errorf("%s: got %+v after it was cleared, want nothing set", k.name, f)
		}
	}
}

// The documentation's table has every knob under all of its names, and no other.
func TestDocumentationListsEveryKnob(t *testing.T) {
	b, err := os.ReadFile("../docs/sample-app.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(b), "\n## Knobs\n")
	if !found {
		t.Fatal("docs/sample-app.md has no section Knobs")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var help bytes.Buffer
	_, _ = ParseConfig([]string{"--help"}, func(string) string { return "" }, &help)

	rows := map[string][]string{}
	tables := 0
	for line := range strings.Lines(section) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "|---") {
			tables++
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| knob |") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) != 6 {
			t.Errorf("got %d cells, want 6: %s", len(cells), line)
			continue
		}
		flagName, _, _ := strings.Cut(strings.TrimPrefix(cells[3], "`--"), "`")
		if !strings.Contains(help.String(), "\n  -"+flagName+" ") && !strings.Contains(
			help.String(), "\n  -"+flagName+"\n",
		) {
			t.Errorf("%s: the app has no flag %s", cells[0], cells[3])
		}
		rows[flagName] = cells
	}
	if tables != 1 {
		t.Errorf("got %d tables, want one", tables)
	}
	for _, k := range knobs {
		perRequest := "yes"
		if k.podOnly {
			perRequest = "no"
		}
		cells, ok := rows[k.flag]
		if !ok || cells[4] != "`"+k.name+"`" || cells[5] != perRequest {
			t.Errorf("%s: got the row %q, want --%s, %s, %s", k.name, cells, k.flag, k.name, perRequest)
		}
		delete(rows, k.flag)
	}
	for _, name := range []string{"next", "propagate", "seed"} {
		if cells, ok := rows[name]; !ok || cells[4] != "no" || cells[5] != "no" {
			t.Errorf("%s: got the row %q, want one for the start only", name, cells)
		}
		delete(rows, name)
	}
	if len(rows) > 0 {
		t.Errorf("got rows of no knob: %q", rows)
	}
}
