package harness

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// tapped counts what a Tap is shown.
type tapped struct{ samples, entries, others int }

func (t *tapped) Line(l trace.Line) {
	switch {
	case l.Sample != nil:
		t.samples++
	case l.Log != nil:
		t.entries++
	default:
		t.others++
	}
}

func TestRecorder(t *testing.T) {
	file := filepath.Join(t.TempDir(), trace.File)
	record, err := trace.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	var tap tapped
	r := newRecorder(record, loadgen.Plan{Run: "id", Cohorts: []loadgen.Cohort{{Name: "a"}, {Name: "b"}}}, &tap)
	begin := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	sample := func(id, cohort string, after time.Duration) loadgen.Sample {
		return loadgen.Sample{ID: id, Cohort: cohort, Sent: begin.Add(after), Done: begin.Add(after)}
	}
	entry := func(id string) {
		r.entries([]trace.LogEntry{{ID: id, Start: begin.Add(time.Second)}})
	}

	entry("before-the-load")
	r.begin(loadgen.Begin{Start: begin})

	r.samples([]loadgen.Sample{sample("id-a-0", "a", 0)})
	r.watch(begin.Add(time.Second))
	// One was sent before the watch began, and came after.
	r.samples([]loadgen.Sample{
		sample("id-a-1", "a", 0), sample("id-a-2", "a", time.Second), sample("id-b-0", "b", 2*time.Second),
	})
	for _, tc := range []struct {
		need map[string]int
		want bool
	}{
		{nil, true},
		{map[string]int{"": 2}, true},
		{map[string]int{"": 3}, false},
		{map[string]int{"a": 1, "b": 1}, true},
		{map[string]int{"a": 2}, false},
		{map[string]int{"c": 1}, false},
	} {
		if got := r.has(tc.need); got != tc.want {
			t.Errorf("has(%v): got %t, want %t", tc.need, got, tc.want)
		}
	}

	if got := r.missing(); got != 4 {
		t.Errorf("got %d requests that lack something, want 4", got)
	}
	entry("id-a-0")
	entry("warm-id-a-1") // the warm-up's: not recorded
	entry("idle-a-1")    // of a run whose name begins alike: recorded, and not ours
	entry("id-a-9")      // before its sample
	if got := r.missing(); got != 4 {
		t.Errorf("got %d requests that lack something, want 4: one is whole, of one there is only the log", got)
	}
	r.samples([]loadgen.Sample{sample("id-a-9", "a", 0)})
	for _, id := range []string{"id-a-1", "id-a-2", "id-b-0"} {
		entry(id)
	}
	if got := r.missing(); got != 0 {
		t.Errorf("got %d requests that lack something, want none", got)
	}
	if err := record.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := trace.Load(file)
	if err != nil || len(got.Samples) != 5 || len(got.Log) != 6 {
		t.Errorf("got %d samples and %d log entries, %v, want 5 and 6", len(got.Samples), len(got.Log), err)
	}
	// What can't be recorded has to end the run.
	r.event(trace.Event{Kind: trace.LoadStop})
	if r.fault() == nil {
		t.Error("got no error of a closed trace")
	}
	if want := (tapped{samples: 5, entries: 6, others: 1}); tap != want {
		t.Errorf("the tap was shown %+v, want what is in the trace, %+v", tap, want)
	}
}
