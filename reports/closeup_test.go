package reports

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/internal/labtrace"
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
	if all != r.Accounting.Requests {
		t.Errorf("got %d requests, want %d", all, r.Accounting.Requests)
	}
	uh := 0
	for _, p := range r.Phases {
		uh += p.Observation.Settled.Total.Flags["503 UH"] + p.Observation.Transition.Total.Flags["503 UH"]
	}
	if totals["503 UH"] != uh || uh == 0 {
		t.Errorf("got %d of 503 UH, want %d as in the phases", totals["503 UH"], uh)
	}
	// The load begins half a second before the first phase, and 205 bins of 25 requests each follow.
	if !tl.Start.Equal(labtrace.At(-500)) || tl.Bins != 205 || tl.Bin() != 100*time.Millisecond || !tl.End().Equal(
		labtrace.At(20000),
	) {
		t.Errorf("got %d bins of %v from %v to %v, want 205 of 100 ms from %v", tl.Bins, tl.Bin(), tl.Start, tl.End(),
			labtrace.At(-500))
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

func TestCloseup(t *testing.T) {
	r := labReport()
	if c := r.Phases[0].Observation.Closeup; c != nil {
		t.Errorf("baseline: got %+v, want none for a phase that writes nothing", c)
	}
	c := r.Phases[1].Observation.Closeup // written at 5,100 ms, held at 5,210 ms
	if !c.Start.Equal(labtrace.At(4600)) || c.Bin() != 10*time.Millisecond || c.Bins != 211 {
		t.Errorf("got %d bins of %v from %v, want 211 of 10 ms from %v", c.Bins, c.Bin(), c.Start, labtrace.At(4600))
	}
	for _, s := range c.Series {
		if first := c.Start.Add(time.Duration(s.From) * c.Bin()); s.Flag != "" && (first.Before(
			labtrace.At(5210),
		) || first.After(labtrace.At(5300))) {
			t.Errorf("%s: the first is at %v, want it soon after %v", s.Kind(), first, labtrace.At(5210))
		}
	}
}
