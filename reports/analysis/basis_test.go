package analysis

import (
	"maps"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/internal/labtrace"
)

// What was late while a change was on its way is counted: what was due then, and what was sent then.
func TestLateInATransition(t *testing.T) {
	plain := analyze(labtrace.Trace(), labPhases, labtrace.Plan).Observations[1]
	if plain.Late != nil || !plain.OnTime("") || plain.Transition.Total.Requests == 0 {
		t.Fatalf("got %v late, and %d requests, want none late", plain.Late, plain.Transition.Total.Requests)
	}
	start, settled := plain.Transition.Start, plain.Transition.End
	for _, test := range []struct {
		name     string
		from, to time.Time
		late     bool
	}{
		{"due before it, sent in it", start.Add(-30 * time.Millisecond), start.Add(time.Millisecond), true},
		{"due in it, sent after it", settled.Add(-30 * time.Millisecond), settled.Add(30 * time.Millisecond), true},
		{"all in it", start.Add(30 * time.Millisecond), start.Add(60 * time.Millisecond), true},
		{"one alone, of fewer than 100", settled.Add(-5 * time.Millisecond), settled.Add(time.Millisecond), true},
		{"not late enough", start.Add(30 * time.Millisecond), start.Add(35 * time.Millisecond), false},
		{"before it", start.Add(-60 * time.Millisecond), start.Add(-time.Millisecond), false},
		{"after it", settled.Add(time.Millisecond), settled.Add(time.Minute), false},
	} {
		tr, want := labtrace.Trace(), map[string]int{}
		for i := range tr.Samples {
			s := &tr.Samples[i]
			if s.Cohort != "plain" || s.Due.Before(test.from) || !s.Due.Before(test.to) {
				continue
			}
			if s.Sent = test.to; s.Sent.Sub(s.Due) > MaxLagP99 && test.late && s.Due.Before(settled) {
				want["plain"]++
			}
			s.Done = s.Sent.Add(time.Millisecond)
		}
		o := analyze(tr, labPhases, labtrace.Plan).Observations[1]
		if !maps.Equal(o.Late, want) || test.late == (len(want) == 0) {
			t.Errorf("%s: got %v late, want %v", test.name, o.Late, want)
		}
		few := want["plain"] <= 1 || 100*want["plain"] <= o.Transition.Cohorts["plain"].Requests
		if o.OnTime("plain") != few || o.OnTime("") != few || !o.OnTime("beta") {
			t.Errorf("%s: got on time %t with %v of %d late", test.name, o.OnTime("plain"), o.Late,
				o.Transition.Cohorts["plain"].Requests)
		}
	}
}
