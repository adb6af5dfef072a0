package sampleapp

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFaultsOfOneRequest(t *testing.T) {
	pod := Faults{ErrorRate: 0.5, ErrorCodes: Codes{500, 503}, CloseRate: 0.5, Latency: time.Second, Concurrency: 5, Unready: true}
	with := func(change func(*Faults)) Faults {
		f := pod
		change(&f)
		return f
	}
	for _, tc := range []struct {
		header string // lines are separate headers
		want   Faults
		err    string
	}{
		{"latency=50ms", with(func(f *Faults) { f.Latency = 50 * time.Millisecond }), ""},
		{"latency=0s", with(func(f *Faults) { f.Latency = 0 }), ""},
		{"errorCode=404", with(func(f *Faults) { f.ErrorCode, f.ErrorCodes = 404, Codes{} }), ""},
		{"errorCodes=404/410", with(func(f *Faults) { f.ErrorCodes = Codes{404, 410} }), ""},
		// No request has two fates: the pod's do not count beside those of the request.
		{"resetRate=1", with(func(f *Faults) { f.ErrorRate, f.CloseRate, f.ResetRate = 0, 0, 1 }), ""},
		{"errorRate=0.25, closeRate=0.75", with(func(f *Faults) { f.ErrorRate, f.CloseRate = 0.25, 0.75 }), ""},
		{"jitter=1ms,distribution=normal,stream=2s\nerrorRate=0",
			with(func(f *Faults) {
				f.Jitter, f.Distribution, f.Stream, f.ErrorRate, f.CloseRate = time.Millisecond, Normal, 2*time.Second, 0, 0
			}), ""},

		{"", Faults{}, `want knob=value,knob=value, got ""`},
		{"errorRate", Faults{}, `want knob=value,knob=value, got "errorRate"`},
		{"errorRate=1,", Faults{}, `want knob=value,knob=value, got ""`},
		{"errorRate=", Faults{}, `errorRate: "" is not a number`},
		{"errorRate=NaN", Faults{}, "errorRate: NaN is not between 0 and 1"},
		{"errorrate=1", Faults{}, "errorrate: unknown; there are errorRate, "},
		{"errorRate=1,errorRate=0", Faults{}, "errorRate: it is there twice"},
		{"errorRate=0.6,closeRate=0.6", Faults{}, "their sum 1.2 is above 1"},
		{"errorCode=500,errorCodes=503", Faults{}, "errorCodes: takes the place of errorCode"},
		{"distribution=normal", Faults{}, "distribution: has no effect without jitter"},
		{"latency=50", Faults{}, `latency: "50" is not a duration`},
		{"concurrency=1", Faults{}, "concurrency: it is about the whole pod, not about one request"},
		{"overflow=queue", Faults{}, "overflow: it is about the whole pod"},
		{"queue=1", Faults{}, "queue: it is about the whole pod"},
		{"unready=true", Faults{}, "unready: it is about the whole pod"},
		{"drain=1s", Faults{}, "drain: it is about the whole pod"},
	} {
		got, err := override(pod, strings.Split(tc.header, "\n"))
		switch {
		case tc.err == "" && (err != nil || got != tc.want):
			t.Errorf("%q: got %+v, %v, want %+v", tc.header, got, err, tc.want)
		case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err) || !strings.HasPrefix(err.Error(), FaultsHeader+": ")):
			t.Errorf("%q: got %v, want an error with %s and %q", tc.header, err, FaultsHeader, tc.err)
		}
	}
}

func TestFaultsOfOneRequestOverHTTP(t *testing.T) {
	a := New(Config{Version: "v1", Pod: "p", Faults: Faults{Concurrency: 1}})
	if r := do(t, a.Handler(), "GET", "/", "", FaultsHeader, "errorRate=1,errorCode=418"); r.StatusCode != 418 {
		t.Errorf("got %d, want 418", r.StatusCode)
	}
	r := do(t, a.Handler(), "GET", "/", "", FaultsHeader, "unready=true", "x-request-id", "7")
	if body := text(t, r); r.StatusCode != 400 || !strings.HasPrefix(body, "X-App-Faults: unready: ") {
		t.Errorf("got %d %q, want 400 that names the knob", r.StatusCode, body)
	}
	if _, n, ok := ParseSerial(r.Header.Get(SerialHeader)); !ok || n != 2 || r.Header.Get(VersionHeader) != "v1" || r.Header.Get("X-Request-Id") != "7" {
		t.Errorf("got %v with the 400, want the usual headers", r.Header)
	}
	if r := do(t, a.Handler(), "GET", "/", ""); r.StatusCode != 200 {
		t.Errorf("the next one: got %d, want 200", r.StatusCode)
	}
	if c := a.Counters(); c.Answered["418"] != 1 || c.Answered["400"] != 1 || c.Answered["200"] != 1 || c.Received != 3 {
		t.Errorf("got %+v, want one of each", c)
	}
}

// What Go code can write and JSON can't is refused as well.
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
		// It can be shown, too: as JSON, or with an error that names the knob.
		if _, err := json.Marshal(f); err != nil && !strings.Contains(err.Error(), "closeRate") {
			t.Errorf("%+v: got %v", f, err)
		}
	}
	for _, f := range []Faults{{}, {ErrorRate: 0.7, CloseRate: 0.2, ResetRate: 0.1}, {ErrorCodes: Codes{500, 501, 502, 503, 504, 505, 506, 507}}} {
		if err := f.Validate(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// Every field has a knob, and what a knob sets is in the JSON: what a pod echoes is what it was told.
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
				t.Errorf("%s: field %s: got it set %t, want %t", b, reflect.TypeFor[Faults]().Field(n).Name, got, n == i)
			}
		}
		shown, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(shown, &again); err != nil {
			t.Errorf("%s: %v", shown, err)
		}
		// The code that was not given comes back as the default.
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

// The README's table has every knob under all of its names, and no other.
func TestReadmeListsEveryKnob(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(b), "\n## Faults of the sample app\n")
	if !found {
		t.Fatal("the README has no section about the faults of the sample app")
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
		if !strings.Contains(help.String(), "\n  -"+flagName+" ") && !strings.Contains(help.String(), "\n  -"+flagName+"\n") {
			t.Errorf("%s: the app has no flag %s", cells[0], cells[3])
		}
		rows[flagName] = cells
	}
	if tables != 1 {
		t.Errorf("got %d tables, want one", tables)
	}
	for _, k := range knobs {
		perRequest := "no"
		if k.scope == "" {
			perRequest = "yes"
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
