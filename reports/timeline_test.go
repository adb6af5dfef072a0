package reports

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

func TestTimelineHasEveryRequestOnce(t *testing.T) {
	r := labReport()
	tl := r.Timeline
	totals := map[string]int{}
	all := 0
	for _, s := range tl.Series {
		totals[s.Kind()] += s.Total()
		all += s.Total()
		if s.Counts[0] == 0 || s.Counts[len(s.Counts)-1] == 0 {
			t.Errorf("%s: the counts begin or end with an empty bin", s.Kind())
		}
	}
	if all != r.Books.Requests {
		t.Errorf("got %d requests, want %d", all, r.Books.Requests)
	}
	uh := 0
	for _, p := range r.Phases {
		uh += p.Observation.Settled.Total.Flags["503 UH"] + p.Observation.Transition.Total.Flags["503 UH"]
	}
	if totals["503 UH"] != uh || uh == 0 {
		t.Errorf("got %d of 503 UH, want %d as in the phases", totals["503 UH"], uh)
	}
	// The load begins half a second before the first phase, and 205 bins of 25 requests each follow.
	if !tl.Start.Equal(at(-500)) || tl.Bins != 205 || tl.Bin() != 100*time.Millisecond || !tl.End().Equal(at(20000)) {
		t.Errorf("got %d bins of %v from %v to %v, want 205 of 100 ms from %v", tl.Bins, tl.Bin(), tl.Start, tl.End(), at(-500))
	}
	for bin := range tl.Bins {
		n := 0
		for _, s := range tl.Series {
			n += s.At(bin)
		}
		if n < 24 || n > 26 {
			t.Errorf("bin %d: got %d requests, want 25", bin, n)
		}
	}
}

func TestTimelineSeries(t *testing.T) {
	tl := newTimeline(&Trace{Events: []Event{{At: at(0), Kind: LoadStart}}}) // in bins of 100 ms
	for _, s := range []loadgen.Sample{
		{Sent: at(-1), Code: 200, Version: "v1"},
		{Sent: at(99), Code: 200, Version: "v2"},
		{Sent: at(100), Code: 503, Version: "v2"},
		{Sent: at(250), Err: "timeout"},
		{Sent: time.Time{}, Code: 200, Version: "v1"},
		{Sent: at(3e9), Code: 200, Version: "v1"},
	} {
		tl.add(&Request{Sample: &s})
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

func TestCloseup(t *testing.T) {
	r := labReport()
	if c := r.Phases[0].Observation.Closeup; c != nil {
		t.Errorf("baseline: got %+v, want none for a phase that writes nothing", c)
	}
	c := r.Phases[1].Observation.Closeup // written at 5,100 ms, held at 5,210 ms
	if !c.Start.Equal(at(4600)) || c.Bin() != 10*time.Millisecond || c.Bins != 211 {
		t.Errorf("got %d bins of %v from %v, want 211 of 10 ms from %v", c.Bins, c.Bin(), c.Start, at(4600))
	}
	for _, s := range c.Series {
		if first := c.Start.Add(time.Duration(s.From) * c.Bin()); s.Flag != "" && (first.Before(at(5210)) || first.After(at(5300))) {
			t.Errorf("%s: the first is at %v, want it soon after %v", s.Kind(), first, at(5210))
		}
	}
}

func TestTimelineStaysSmall(t *testing.T) {
	tl := newTimeline(&Trace{})
	for i := range 600_000 { // ten minutes of 1,000 a second
		s := loadgen.Sample{Sent: at(float64(i)), Code: 200, Version: "v1"}
		switch i % 10 {
		case 0:
			s.Version = "v2"
		case 1:
			s.Code, s.Version = 503, ""
		}
		tl.add(&Request{Sample: &s})
	}
	dir := t.TempDir()
	if err := (&Report{Timeline: tl.close()}).Save(dir); err != nil {
		t.Fatal(err)
	}
	r, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Timeline.Bins != 6000 || r.Timeline.Series[0].At(5999) != 80 {
		t.Errorf("got %d bins, the last with %d of v1, want 6000 and 80", r.Timeline.Bins, r.Timeline.Series[0].At(5999))
	}
	b, err := json.Marshal(r.Timeline)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 64<<10 {
		t.Errorf("the timeline takes %d bytes, want 64 kB at most", len(b))
	}
	edit(t, dir+"/"+ReportFile, func(b []byte) []byte {
		if n := strings.Count(string(b), "\n"); n > 100 {
			t.Errorf("the report has %d lines, want a list of numbers to be one", n)
		}
		return b
	})
}

func TestCompactNumbersLeavesTextAlone(t *testing.T) {
	const in = "{\n  \"a\": [\n    1,\n    -2.5e+3\n  ],\n  \"b\": \"[\\n1,\\n2\\n]\",\n  \"c\": [\n    \"1\"\n  ]\n}"
	const want = "{\n  \"a\": [1,-2.5e+3],\n  \"b\": \"[\\n1,\\n2\\n]\",\n  \"c\": [\n    \"1\"\n  ]\n}"
	if got := string(compactNumbers([]byte(in))); got != want {
		t.Errorf("got %s, want %s", got, want)
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
			if want := c.Percents[i] / 100 * test.max; c.LatencyMS[i] < want*0.999 || c.LatencyMS[i] > want*1.001+test.max/float64(100) {
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
