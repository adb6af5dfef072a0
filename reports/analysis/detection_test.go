package analysis

import (
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestDetectionClock(t *testing.T) {
	zero := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	sample := func(ms int, version string, code int) loadgen.Sample {
		return loadgen.Sample{Cohort: "all", Sent: at(ms), Done: at(ms + 5), Version: version, Code: code}
	}
	o := Observation{Start: at(-1000), Change: &Change{Writing: at(-10), Written: at(0)}}
	e := trace.Event{At: at(500), Kind: trace.Decided, Decision: &trace.Decision{
		By: "a gate", Bad: true, Text: "2 of 3", Seen: at(300), Asked: at(420),
	}}
	c := newDetectionClock(PhaseSpec{Canary: "v2"}, o, e)
	for _, s := range []loadgen.Sample{
		sample(-20, "v2", 503), // before the change
		sample(1, "v1", 503),   // not the canary's
		sample(10, "v2", 200), sample(100, "v2", 404), sample(200, "v2", 503),
		sample(499, "v2", 503), // done after the decision
	} {
		c.add(&s)
	}
	d := c.result()
	if d.FirstBad != 105*time.Millisecond || d.After != 500*time.Millisecond || d.Answers != 3 || d.BadOnes != 2 {
		t.Errorf("got %+v, want the first bad answer at 105 ms, 2 of 3 bad by 500 ms", *d)
	}
	if took, ok := d.Took(); !ok || took != 395*time.Millisecond {
		t.Errorf("got %s, %t, want 395 ms from the first bad answer", took, ok)
	}
	if got := d.Parts(); !strings.Contains(
		got, "until the scrape 195 ms, until the query 120 ms, until the decision 80.0 ms",
	) {
		t.Errorf("got %q, want parts of 195, 120 and 80 ms", got)
	}
	none := newDetectionClock(PhaseSpec{Canary: "v2"}, o, e).result()
	if _, ok := none.Took(); ok || none.FirstBad != 0 || none.Parts() != "" {
		t.Errorf("got %+v, want no time from a bad answer that never was", *none)
	}
}
