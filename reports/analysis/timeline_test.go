package analysis

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

func TestTimelineSeries(t *testing.T) {
	// in bins of 100 ms
	tl := newTimeline(&trace.Trace{Events: []trace.Event{{At: labtrace.At(0), Kind: trace.LoadStart}}}, newBudget())
	for _, s := range []loadgen.Sample{
		{Sent: labtrace.At(-1), Code: 200, Version: "v1"},
		{Sent: labtrace.At(99), Code: 200, Version: "v2"},
		{Sent: labtrace.At(100), Code: 503, Version: "v2"},
		{Sent: labtrace.At(250), Err: "timeout"},
		{Sent: time.Time{}, Code: 200, Version: "v1"},
		{Sent: labtrace.At(3e9), Code: 200, Version: "v1"},
	} {
		tl.add(&trace.Request{Sample: &s})
	}
	got, err := json.Marshal(tl.close())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"start":"2026-11-23T06:01:01.9Z","binMs":100,"bins":4,"series":[` +
		`{"version":"v1","from":0,"counts":[1]},{"version":"v2","from":1,"counts":[1]},` +
		`{"flag":"0 ?","from":3,"counts":[1]},{"version":"v2","flag":"503 ?","from":2,"counts":[1]}],"outside":2}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCurve(t *testing.T) {
	var few, many latencies
	for i := range 100 {
		few.add(time.Duration(i+1) * time.Millisecond)
	}
	for i := range 600_000 {
		many.add(time.Duration(i%1000+1) * time.Millisecond)
	}
	for _, test := range []struct {
		c      Curve
		points int
		max    float64
	}{{few.curve("v1"), 42, 100}, {many.curve("v2"), 117, 1000}} {
		c := test.c
		if len(c.Percents) != test.points || len(c.LatencyMS) != test.points {
			t.Fatalf("got %d points and %d latencies, want %d", len(c.Percents), len(c.LatencyMS), test.points)
		}
		for i := range c.Percents {
			if i > 0 && (c.Percents[i] <= c.Percents[i-1] || c.LatencyMS[i] < c.LatencyMS[i-1]) {
				t.Errorf("the curve falls at point %d: %v %% %v ms", i, c.Percents[i], c.LatencyMS[i])
			}
			if want := c.Percents[i] / 100 * test.max; c.LatencyMS[i] < want*0.999 ||
				c.LatencyMS[i] > want*1.001+test.max/float64(100) {
				t.Errorf("%v %%: got %v ms, want %v", c.Percents[i], c.LatencyMS[i], want)
			}
		}
		if last := c.LatencyMS[test.points-1]; last != test.max {
			t.Errorf("got a maximum of %v ms, want %v", last, test.max)
		}
	}
	var none latencies
	if c := none.curve(""); c.N != 0 || c.Percents != nil {
		t.Errorf("got %+v, want nothing", c)
	}
}

func TestTimelineStaysSmall(t *testing.T) {
	tl := newTimeline(&trace.Trace{}, newBudget())
	for i := range 600_000 { // ten minutes of 1,000 a second
		s := loadgen.Sample{Sent: labtrace.At(float64(i)), Code: 200, Version: "v1"}
		switch i % 10 {
		case 0:
			s.Version = "v2"
		case 1:
			s.Code, s.Version = 503, ""
		}
		tl.add(&trace.Request{Sample: &s})
	}
	got := tl.close()
	if got.Bins != 6000 || got.Series[0].At(5999) != 80 {
		t.Errorf("got %d bins, the last with %d of v1, want 6000 and 80", got.Bins, got.Series[0].At(5999))
	}
	b, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 64<<10 {
		t.Errorf("the timeline takes %d bytes, want 64 kB at most", len(b))
	}
}

// The timeline of the longest run has as many bins as that of an hour, more or less, and every request is in one.
func TestTimelineOfALongRun(t *testing.T) {
	end := labtrace.At(float64(loadgen.MaxDuration.Milliseconds()))
	tl := newTimeline(&trace.Trace{Events: []trace.Event{
		{At: labtrace.At(0), Kind: trace.LoadStart}, {At: end, Kind: trace.LoadStop},
	}}, newBudget())
	n := 0
	for at := labtrace.At(0); at.Before(end); at = at.Add(250 * time.Millisecond) {
		tl.add(&trace.Request{Sample: &loadgen.Sample{Sent: at, Code: 200, Version: "v1"}})
		n++
	}
	got := tl.close()
	if got.Bins > timelineBins || got.Bins < timelineBins/2 || got.Series[0].Total() != n || got.Outside != 0 {
		t.Errorf("got %d of %d requests in %d bins of %s, and %d outside, want all in some %d", got.Series[0].Total(),
			n, got.Bins, got.Bin(), got.Outside, timelineBins)
	}
}
