package trace_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestPrint(t *testing.T) {
	path := filepath.Join(t.TempDir(), trace.File)
	w, err := trace.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	var want, pods bytes.Buffer
	for _, l := range lines(labtrace.Trace()) {
		b, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		want.Write(append(b, '\n'))
		if l.Pod != nil {
			pods.Write(append(b, '\n'))
		}
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		kinds []string
		want  string
	}{{nil, want.String()}, {[]string{"pod"}, pods.String()}, {trace.LineKinds(), want.String()}} {
		var got strings.Builder
		cut, err := trace.Printer{Kinds: test.kinds}.Print(&got, path)
		if err != nil || cut || got.String() != test.want {
			t.Errorf("%q: got %d bytes, cut %t, %v, want %d bytes", test.kinds, got.Len(), cut, err, len(test.want))
		}
	}
	// A plain trace is printed as it is.
	plain := filepath.Join(t.TempDir(), trace.PlainFile)
	if err := os.WriteFile(plain, append(want.Bytes(), `{"pod":{"na`...), 0o600); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if cut, err := (trace.Printer{}).Print(&got, plain); err != nil || !cut || got.String() != want.String() {
		t.Errorf("plain and cut: got %d bytes, cut %t, %v, want %d", got.Len(), cut, err, want.Len())
	}
}

// What a terminal would obey is spelled out, and means the same.
func TestPrintSpellsOut(t *testing.T) {
	for in, want := range map[string]string{
		"{\"event\":{\"text\":\"a\u202eb\u009b\U000e0041ä\"}}": `{"event":{"text":"a\u202eb\u009b\udb40\udc41ä"}}`,
		"{\"event\":{\r\"text\":\"\x7f\"}}":                    `{"event":{ "text":"\u007f"}}`,
		"{\"event\":{\"text\":\"\x9b31m\"}}":                   `{"event":{"text":"` + "\ufffd" + `31m"}}`,
		`{"event":{"text":"\u001b[31m"}}` + "\t":               `{"event":{"text":"\u001b[31m"}} `,
	} {
		path := save(t, packed(t, in+"\n"))
		var got strings.Builder
		if _, err := (trace.Printer{}).Print(&got, path); err != nil || got.String() != want+"\n" {
			t.Errorf("%q: got %q, %v, want %q", in, got.String(), err, want)
			continue
		}
		var before, after any
		err := errors.Join(json.Unmarshal([]byte(in), &before), json.Unmarshal([]byte(got.String()), &after))
		if err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(before)
		if b, _ := json.Marshal(after); !bytes.Equal(a, b) {
			t.Errorf("got %s, which is not %s", b, a)
		}
	}
	for _, bad := range []string{"x\n", "{\"event\":\x1b}\n", `{"sampel":{}}` + "\n", `[{"event":{}}]` + "\n"} {
		var got strings.Builder
		_, err := (trace.Printer{}).Print(&got, save(t, packed(t, bad)))
		if err == nil || !strings.Contains(err.Error(), "line 1 is no line of a trace") || got.Len() > 0 {
			t.Errorf("%q: got %q, %v, want an error", bad, got.String(), err)
		}
	}
}

// A trace that is being written is followed to the run's end.
func TestPrintFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), trace.File)
	w, err := trace.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	add := func(kind trace.Kind) {
		t.Helper()
		if err := errors.Join(w.Append(trace.Line{Event: &trace.Event{Kind: kind}}), w.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	add(trace.LoadStart)
	var got strings.Builder
	looks := 0
	kinds := []trace.Kind{trace.LoadStop, trace.End, trace.Trouble}
	_, err = trace.Printer{Idle: func() error {
		if looks++; strings.Count(got.String(), "\n") != looks {
			t.Errorf("got %q at look %d, want all that there is", got.String(), looks)
		}
		add(kinds[0])
		kinds = kinds[1:]
		return nil
	}}.Print(&got, path)
	if err != nil || looks != 2 || strings.Count(got.String(), "\n") != 3 {
		t.Errorf("got %q after %d looks, %v, want it to end with the run", got.String(), looks, err)
	}
	gone := errors.New("gone")
	for _, ends := range []error{io.EOF, gone} {
		next := save(t, packed(t, pods(0, 1)))
		_, err := trace.Printer{Idle: func() error { return ends }}.Print(io.Discard, next)
		if !errors.Is(err, gone) && (err != nil || errors.Is(ends, gone)) {
			t.Errorf("got %v, want what ended it, %v", err, ends)
		}
	}
}
