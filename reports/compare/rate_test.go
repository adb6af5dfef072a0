package compare

import (
	"errors"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
)

// at is a run at another rate.
func at(rate int, seed uint64) *reports.Run {
	r := alike(seed).run()
	r.Report.Setup.Load = r.Report.Setup.Load.At(rate)
	return r
}

// Runs at different rates are no repetitions of each other, and what depends on the load is not judged between them.
func TestRunsAtDifferentRates(t *testing.T) {
	if _, err := New(Side{at(500, 1), at(250, 2)}, Side{at(500, 3)}); !errors.Is(err, ErrSides) ||
		!strings.Contains(err.Error(), "at 500 requests a second") || !strings.Contains(err.Error(), "at 250") {
		t.Errorf("one side at two rates: got %v", err)
	}
	c, err := New(Side{at(500, 1), at(500, 2)}, Side{at(250, 3), at(250, 4)})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[Kind]bool{}
	for _, f := range c.Pairs[0].Figures {
		kinds[f.Kind] = true
		load := f.Kind == RollbackKind || f.Kind == LatencyKind
		if unjudged := f.Judgement == NotJudged; unjudged != load {
			t.Errorf("%s %s: not judged is %t, want %t: %s", f.Kind, f.place(), unjudged, load, f.Why)
		}
	}
	if !kinds[RollbackKind] || !kinds[LatencyKind] || !kinds[ShareKind] {
		t.Errorf("got figures of %v, want rollbacks, latencies and shares", kinds)
	}
	const want = "A was played at 500 requests a second and B at 250"
	if len(c.Warnings) != 1 || !strings.HasPrefix(c.Warnings[0], want) {
		t.Errorf("got warnings %q, want %q", c.Warnings, want)
	}
	if len(c.Differing) != 1 || c.Differing[0].Name != "load" {
		t.Errorf("got differing settings %+v, want the load", c.Differing)
	}
}
