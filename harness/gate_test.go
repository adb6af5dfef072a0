package harness

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
)

// A fakePrometheus answers the n-th look at a query with the n-th number; a number below 0 is none at all. The
// last one stays.
type fakePrometheus struct {
	answers map[string][]float64
	asked   map[string]int
	err     error
}

func (f *fakePrometheus) Query(_ context.Context, _, query string) (float64, bool, error) {
	all := f.answers[query]
	n := min(f.asked[query], len(all)-1)
	f.asked[query]++
	return all[n], all[n] >= 0, f.err
}

func (f *fakePrometheus) LastScrape(context.Context, string, string) (time.Time, error) {
	return time.Now().Add(-300 * time.Millisecond), nil
}

// A gate aborts after the bad results in a row that it is to wait for, promotes after the good ones, and takes
// no answer for neither.
func TestGateDecides(t *testing.T) {
	for _, tc := range []struct {
		name         string
		errors, late []float64
		bad, good    int
		want         string // "good", "bad" or "" for no decision within a minute
		after        time.Duration
	}{
		{"good from the start", []float64{0}, []float64{20}, 0, 0, "good", 5 * time.Second},
		{"bad from the start", []float64{20}, []float64{20}, 0, 0, "bad", time.Second},
		{"late", []float64{0}, []float64{900}, 0, 0, "bad", time.Second},
		{"at the limit", []float64{5}, []float64{250}, 0, 0, "good", 5 * time.Second},
		{"nothing known", []float64{-1}, []float64{20}, 0, 0, "", 0},
		{"bad, and the other not known", []float64{20}, []float64{-1}, 0, 0, "bad", time.Second},
		{"two bad ones in a row", []float64{20, 0, 20, 20}, []float64{20}, 2, 0, "bad", 4 * time.Second},
		{"silence breaks the row", []float64{0, 0, -1, 0, 0, 0}, []float64{20}, 1, 3, "good", 6 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := Gate{
					Checks: []Check{
						{Name: "errors", Query: "E", Series: "e", Limit: 5},
						{Name: "latency", Query: "L", Series: "l", Limit: 250},
					}, Bad: tc.bad, Good: tc.good,
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				env := environment.Environment{Metrics: &fakePrometheus{
					map[string][]float64{"E": tc.errors, "L": tc.late}, map[string]int{}, nil,
				}}
				d, err := g.decide(ctx, watched{scenario: story(), env: env})
				got := "good"
				switch {
				case err != nil:
					got = ""
				case d.Bad:
					got = "bad"
				}
				if took := time.Since(start); got != tc.want || got != "" && took != tc.after {
					t.Errorf("got %q after %s (%v), want %q after %s", got, took, err, tc.want, tc.after)
				}
				if got != "" && (d.Seen.IsZero() || d.Asked.IsZero() || d.Asked.Before(d.Seen) || d.Text == "") {
					t.Errorf("got %+v, want what was seen, and when", d)
				}
			})
		})
	}
}

// A gate that can't ask says so, and nothing is decided.
func TestGateWithoutPrometheus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("connection refused")
		g := Gate{Checks: []Check{FailedShare("v2", 5)}}
		env := environment.Environment{Metrics: &fakePrometheus{
			map[string][]float64{g.Checks[0].Query: {0}}, map[string]int{}, down,
		}}
		if _, err := g.decide(t.Context(), watched{scenario: story(), env: env}); !errors.Is(err, down) {
			t.Errorf("got %v, want %v", err, down)
		}
	})
}

// A scenario with a gate brings its Prometheus, and plays to a decision.
func TestRunWithAGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := story()
		g := Gate{Checks: []Check{FailedShare("v2", 5), LatencyP99("v2", 250)}}
		// The share takes more requests than come before the decision.
		half := expect.Share("v2", 50)
		s.Phases[1].Until, s.Phases[1].Expect = g, []expect.Expectation{expect.Promoted(), half}
		f := newFakeMesh()
		env := f.env()
		provided := ""
		env.Provide = func(_ context.Context, image string) error { provided = image; return nil }
		env.Metrics = &fakePrometheus{
			map[string][]float64{g.Checks[0].Query: {0}, g.Checks[1].Query: {20}}, map[string]int{}, nil,
		}
		rep, err := Run(t.Context(), env, s, Options{Dir: t.TempDir() + "/run"})
		if err != nil || rep.Outcome != reports.Pass {
			t.Fatalf("got %v, %v, want pass: %+v %q", rep.Outcome, err, verdicts(rep), rep.Accounting.Problems)
		}
		applied := "apply Deployment/load-client Service/canarylab-prometheus Service/canarylab-callers " +
			"ConfigMap/canarylab-prometheus Deployment/canarylab-prometheus"
		if provided != addons.PrometheusImage || !f.called(applied) {
			t.Errorf("got image %q and calls %q, want a Prometheus", provided, f.calls)
		}
		if d := rep.Phases[1].Observation.Detection; d == nil || d.Bad || d.After < 5*time.Second ||
			d.AskedAfter < d.SeenAfter {
			t.Errorf("got %+v, want a good decision after five answers", d)
		}
		decided := rep.Phases[1].Observation.Detection
		if n := rep.Phases[1].Observation.Settled.Total.Requests; n < half.Need() ||
			!rep.Phases[1].Observation.End.After(rep.Phases[1].Observation.Start.Add(decided.After)) {
			t.Errorf("got %d requests, want the phase to go on until there are %d", n, half.Need())
		}
	})
}

func TestGateChecks(t *testing.T) {
	for _, wrong := range []Gate{{}, {Checks: []Check{{Name: "x"}}}, {Checks: []Check{FailedShare("v2", 5)}, Bad: -1}} {
		if err := wrong.check(story()); err == nil {
			t.Errorf("%+v: got no error", wrong)
		}
	}
	text := Gate{Checks: []Check{FailedShare("v2", 5)}}.String()
	for _, want := range []string{"1 result with more than 5 % failed requests of v2", "5 results in a row"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want %q in it", text, want)
		}
	}
}
