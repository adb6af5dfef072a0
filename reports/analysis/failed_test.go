package analysis

import (
	"testing"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
)

// Everything that counts failed requests has the same: here callers get 404 until 100 ms after a rollback was accepted,
// as with a route that matches none of them, and once outside of all phases.
func TestEverybodyCountsTheSameFailed(t *testing.T) {
	failed := 0
	tr := labtrace.Rollback(func(ms float64, s *loadgen.Sample) {
		s.Version = "v1"
		if ms < 2200 {
			s.Version, s.Code = "", 404
			failed++
		}
	})
	outside := tr.Samples[0]
	outside.ID, outside.Seq, outside.Sent = "r1-outside", 1<<20, outside.Sent.Add(-1e9)
	outside.Due, outside.Done = outside.Sent, outside.Sent.Add(1e6)
	outside.Code = 429
	tr.Samples = append(tr.Samples, outside)
	a := analyze(tr, []PhaseSpec{{Name: "canary"}, {Name: "back", Rollback: true}}, loadgen.Plan{})
	counted, listed, moments, bins := 0, 0, 0, 0
	for _, o := range a.Observations {
		for _, c := range []Counts{o.Transition.Total, o.Settled.Total} {
			counted += c.Failed.Count
			for key, n := range c.Flags {
				if IsFailure(key) {
					listed += n
				}
			}
		}
	}
	for _, s := range a.Timeline.Series {
		if s.Flag != "" {
			bins += s.Total()
		}
	}
	back := a.Observations[1]
	for _, m := range back.Moments {
		if IsFailure(m.Kind) {
			moments += m.Count
		}
	}
	if counted != failed || listed != failed || bins != failed+1 || a.Accounting.OutsideFailed != 1 {
		t.Errorf("got %d in windows, %d by flag, %d in the timeline, %d outside; want %d, and one more outside",
			counted, listed, bins, a.Accounting.OutsideFailed, failed)
	}
	r := back.Rollback
	if !r.Recovered() || r.Before.Count != r.Before.Of || r.Failed == 0 || r.Kinds["404"] != r.Failed ||
		r.Failed > back.Transition.Total.Failed.Count || moments < r.Failed {
		t.Errorf("got %+v, want a rollback from all requests failing, which cost some 404", r)
	}
}
