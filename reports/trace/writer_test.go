package trace_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/reports/trace"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
)

// lines are a trace's lines, in an order in which a run could write them.
func lines(t *trace.Trace) []trace.Line {
	var all []trace.Line
	for i := range t.Events {
		all = append(all, trace.Line{Event: &t.Events[i]})
	}
	for i := range t.Samples {
		all = append(all, trace.Line{Sample: &t.Samples[i]})
	}
	for i := range t.Log {
		all = append(all, trace.Line{Log: &t.Log[i]})
	}
	for i := range t.Health {
		all = append(all, trace.Line{Health: &t.Health[i]})
	}
	for i := range t.Pods {
		all = append(all, trace.Line{Pod: &t.Pods[i]})
	}
	return all
}

func TestTraceRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), trace.File)
	w, err := trace.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	want := labtrace.Trace()
	for _, l := range lines(want) {
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := trace.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the trace that was read differs from the one written: %d, %d, %d of %d, %d, %d events, samples, "+
			"entries; pods %v of %v",
			len(got.Events), len(got.Samples), len(got.Log), len(want.Events), len(
				want.Samples), len(want.Log), got.Pods, want.Pods)
	}
	if _, err := trace.Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating it again: got error %v, want %v", err, fs.ErrExist)
	}
	if _, err := trace.Load(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading another: got error %v, want %v", err, fs.ErrNotExist)
	}
}

// A sink keeps what is written to it.
type sink struct {
	mu     sync.Mutex
	b      bytes.Buffer
	closed int
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *sink) Close() error {
	s.closed++
	return nil
}

func (s *sink) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Len()
}

// brokenPipe refuses to be written to.
type brokenPipe struct{}

var errPipe = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }
func (brokenPipe) Close() error              { return nil }

func TestWriterFlushesEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sink
		w := trace.NewWriter(&s)
		for range 3 {
			before := s.len()
			if err := w.Append(trace.Line{Event: &trace.Event{Kind: trace.LoadStart}}); err != nil {
				t.Fatal(err)
			}
			if n := s.len(); n != before {
				t.Fatalf("got %d bytes written at once, want them buffered", n-before)
			}
			time.Sleep(time.Second) // the bubble's clock, not the machine's
			synctest.Wait()
			if n := s.len(); n == before {
				t.Fatal("got nothing written after a second, want the line")
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWriterConcurrently(t *testing.T) {
	var s sink
	w := trace.NewWriter(&s)
	const writers, each = 8, 500
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for k := range each {
				id := fmt.Sprintf("%d-%d", i, k)
				if err := w.Append(trace.Line{
					Sample: &loadgen.Sample{ID: id, Cohort: strings.Repeat("x", k)},
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tr, err := trace.Read(strings.NewReader(unpacked(t, s.b.Bytes())))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, s := range tr.Samples {
		ids[s.ID] = true
	}
	if len(ids) != writers*each {
		t.Errorf("got %d different samples, want %d", len(ids), writers*each)
	}
}

func TestWriterErrorSticks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := trace.NewWriter(brokenPipe{})
		line := trace.Line{Event: &trace.Event{Kind: trace.LoadStart}}
		if err := w.Append(line); err != nil {
			t.Errorf("first append: got error %v, want none, it is buffered", err)
		}
		time.Sleep(2 * time.Second) // the bubble's clock
		synctest.Wait()
		for _, err := range []error{w.Err(), w.Append(line), w.Close()} {
			if !errors.Is(err, errPipe) {
				t.Errorf("got error %v, want %v", err, errPipe)
			}
		}
	})
}

func TestWriterClose(t *testing.T) {
	var s sink
	w := trace.NewWriter(&s)
	if err := w.Append(trace.Line{Event: &trace.Event{Kind: trace.LoadStop}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if s.closed != 1 {
		t.Errorf("got the file closed %d times, want once", s.closed)
	}
	if got := strings.Count(unpacked(t, s.b.Bytes()), "\n"); got != 1 {
		t.Errorf("got %d lines, want 1", got)
	}
	if err := w.Append(trace.Line{Event: &trace.Event{}}); !errors.Is(err, trace.ErrClosed) {
		t.Errorf("append after close: got error %v, want %v", err, trace.ErrClosed)
	}
}

func TestWriterRefusesBadLines(t *testing.T) {
	var s sink
	w := trace.NewWriter(&s)
	for _, l := range []trace.Line{{}, {Event: &trace.Event{}, Log: &trace.LogEntry{}}} {
		if err := w.Append(l); err == nil {
			t.Errorf("append %+v: got no error", l)
		}
	}
	if err := w.Append(trace.Line{Pod: &trace.Pod{Name: "v1-1"}}); err != nil {
		t.Errorf("append after refused lines: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadTrace(t *testing.T) {
	const event = `{"event":{"at":"2026-11-23T06:01:02Z","kind":"load-start"}}`
	for _, test := range []struct {
		name, in  string
		events    int
		truncated bool
		err       string
	}{
		{name: "empty"},
		{name: "whole", in: event + "\n" + event + "\n", events: 2},
		{name: "last newline missing", in: event + "\n" + event, events: 2},
		{name: "cut off", in: event + "\n" + event[:20], events: 1, truncated: true},
		{name: "garbage in the middle", in: event + "\nx\n" + event + "\n", err: "line 2"},
		{name: "garbage at the end", in: event + "\n" + event[:20] + "\n", err: "line 2"},
		{name: "empty line", in: event + "\n\n", err: "line 2"},
		{name: "other object", in: `{"sampel":{}}` + "\n", err: "line 1"},
		{name: "two on a line", in: event + event + "\n", err: "line 1"},
		{name: "two fields", in: `{"event":{},"log":{}}` + "\n", err: "got 2 of them"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := trace.Read(strings.NewReader(test.in))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got error %v, want one with %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Events) != test.events || got.Truncated != test.truncated {
				t.Errorf("got %d events, truncated %t, want %d, %t", len(got.Events), got.Truncated, test.events,
					test.truncated)
			}
		})
	}
}

// Of a pod the last word counts, whatever order they come in.
func TestReadTraceKeepsTheLastWordOfAPod(t *testing.T) {
	got, err := trace.Read(strings.NewReader(
		`{"pod":{"name":"a","sidecar":false}}` + "\n" + `{"pod":{"name":"b","sidecar":true}}` + "\n" +
			`{"pod":{"name":"a","sidecar":true}}` + "\n",
	))
	if err != nil {
		t.Fatal(err)
	}
	if want := []trace.Pod{{Name: "a", Sidecar: true}, {Name: "b", Sidecar: true}}; !reflect.DeepEqual(got.Pods, want) {
		t.Errorf("got %v, want %v", got.Pods, want)
	}
}

// Facts are read without the requests, of which there may be millions.
func TestFacts(t *testing.T) {
	path := filepath.Join(t.TempDir(), trace.File)
	w, err := trace.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	want := labtrace.Trace()
	for _, l := range lines(want) {
		if err := w.Append(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := &trace.Trace{}
	if _, err := trace.FileSource(path).Lines(true, got.Add); err != nil {
		t.Fatal(err)
	}
	want.Samples, want.Log = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %d events, %d pods, %d samples, want %d, %d, none", len(got.Events), len(got.Pods),
			len(got.Samples), len(want.Events), len(want.Pods))
	}
	stop := errors.New("enough")
	if _, err := trace.FileSource(path).Lines(false, func(*trace.Line) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want what the reader said", err)
	}
}

func TestLoadTraceNamesTheFile(t *testing.T) {
	for _, name := range []string{trace.File, trace.PlainFile} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := trace.Load(path); err != nil {
			if strings.Contains(err.Error(), path) {
				continue
			}
			t.Errorf("got error %v, want one that names %s", err, path)
		}
	}
}
