package harness

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/fleet"
	"github.com/canarylab/canarylab/reports"
)

// A fakeFleet are simulated proxies that were given what they were given.
type fakeFleet struct {
	status   fleet.Status
	receipts []fleet.Receipt
	clocks   time.Duration
	err      error
}

func (f *fakeFleet) Status(context.Context, string) (fleet.Status, error) { return f.status, f.err }

func (f *fakeFleet) Receipts(_ context.Context, _ string, since time.Time) (
	all []fleet.Receipt, clocks time.Duration, err error,
) {
	for _, r := range f.receipts {
		if !r.At.Before(since) {
			all = append(all, r)
		}
	}
	return all, f.clocks, f.err
}

func (f *fakeFleet) Resize(context.Context, string, int) error { return f.err }

// given are receipts of a route, by each proxy one, so long after a moment.
func given(route string, at time.Time, after ...time.Duration) (all []fleet.Receipt) {
	for i, d := range after {
		all = append(all, fleet.Receipt{Proxy: i, At: at.Add(d), Route: route})
	}
	return all
}

func TestFleetHolds(t *testing.T) {
	const ms = time.Millisecond
	writing := time.Now().Add(-time.Minute)
	written := writing.Add(10 * ms)
	old := given("v1 100", writing.Add(-time.Second), 0, 0, 0)
	claim := FleetHolds{Route: "v1 100", Within: time.Second, AtLeast: 80 * ms}
	for _, c := range []struct {
		name   string
		given  []fleet.Receipt
		clocks time.Duration
		want   reports.Outcome
		why    string
	}{
		{"in time", given("v1 100", written, 100*ms, 200*ms, 900*ms), 0, reports.Pass, ""},
		{"too late", given("v1 100", written, 100*ms, 200*ms, 1100*ms), 0, reports.Fail, "too late"},
		// It may have been accepted when it was written, 10 ms before that was answered.
		{"too late by the write", given("v1 100", written, 100*ms, 200*ms, 995*ms), 0, reports.Fail, "too late"},
		{"too early", given("v1 100", written, 75*ms, 200*ms, 300*ms), 0, reports.Fail, "too early"},
		{"unsure clocks", given("v1 100", written, 85*ms, 200*ms, 300*ms), 10 * ms, reports.Fail, "too early"},
		{"one without", given("v1 100", written, 100*ms, 200*ms), 0, reports.Fail, "1 do not have it yet"},
		{"another route", given("v1 90, v2 10", written, 100*ms, 100*ms, 100*ms), 0, reports.Fail, "none has it"},
		{"that of an earlier change", old, 0, reports.Fail, "none has it"},
	} {
		env := environment.Environment{
			Fleet: &fakeFleet{status: fleet.Status{Proxies: 3}, receipts: c.given, clocks: c.clocks},
		}
		v, _ := prove(t.Context(), claim, moment{scenario: story(), env: env, writing: writing, written: written})
		if v.Outcome != c.want || !strings.Contains(v.Why, c.why) || v.Kind != "fleet-holds" {
			t.Errorf("%s: got %+v, want %s: %s", c.name, v, c.want, c.why)
		}
	}
}

func TestFleetHoldsSaysWhatItSaw(t *testing.T) {
	at := time.Now().Add(-time.Minute)
	env := environment.Environment{Fleet: &fakeFleet{
		status:   fleet.Status{Proxies: 3},
		receipts: given("v1 100", at, 100*time.Millisecond, 150*time.Millisecond, 200*time.Millisecond),
	}}
	claim := FleetHolds{Route: "v1 100", Within: time.Second}
	v, _ := prove(t.Context(), claim, moment{scenario: story(), env: env, writing: at, written: at})
	want := "3 of 3 simulated proxies, the first after 100 ms, the median after 150 ms, the last after 200 ms"
	if v.Saw != want {
		t.Errorf("got %q, want %q", v.Saw, want)
	}
	if got, want := claim.String(), "the last simulated proxy has v1 100 within 1.00 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhoCantLookSaysSo(t *testing.T) {
	broken := environment.Environment{Fleet: &fakeFleet{err: errors.New("no pod")}}
	there := environment.Environment{Fleet: &fakeFleet{}}
	for name, c := range map[string]struct {
		proof Proof
		at    moment
	}{
		"no fleet":           {FleetHolds{Route: "a", Within: 1}, moment{written: time.Now()}},
		"no fleet, ready":    {FleetReady{1}, moment{}},
		"no pods":            {FleetHolds{Route: "a", Within: 1}, moment{env: broken, written: time.Now()}},
		"no pods, ready":     {FleetReady{1}, moment{env: broken}},
		"nothing is written": {FleetHolds{Route: "a", Within: 1}, moment{env: there}},
	} {
		c.at.scenario = story()
		if v, _ := prove(t.Context(), c.proof, c.at); v.Outcome != reports.Inconclusive || v.Why == "" {
			t.Errorf("%s: got %+v, want it inconclusive", name, v)
		}
	}
}

func TestFleetReady(t *testing.T) {
	for name, c := range map[string]struct {
		status fleet.Status
		want   reports.Outcome
	}{
		"all have all": {fleet.Status{Proxies: 2, Holding: 2}, reports.Pass},
		"one has not":  {fleet.Status{Proxies: 2, Holding: 1}, reports.Fail},
		"other fleet":  {fleet.Status{Proxies: 3, Holding: 3}, reports.Fail},
	} {
		env := environment.Environment{Fleet: &fakeFleet{status: c.status}}
		if v, _ := prove(t.Context(), FleetReady{2}, moment{scenario: story(), env: env}); v.Outcome != c.want {
			t.Errorf("%s: got %+v, want %s", name, v, c.want)
		}
	}
}

func TestProofsOfAFleetAreChecked(t *testing.T) {
	for _, p := range []Proof{
		FleetReady{}, FleetHolds{Within: time.Second}, FleetHolds{Route: "v1 100"},
		FleetHolds{Route: "v1 100", Within: time.Second, AtLeast: time.Second},
		FleetHolds{Route: "v1 100", Within: time.Hour},
	} {
		if p.check(story(), nil) == nil {
			t.Errorf("%#v is taken", p)
		}
	}
	if err := (FleetHolds{Route: "v1 100", Within: time.Second}).check(story(), nil); err != nil {
		t.Error(err)
	}
}

// Only who looks at a fleet pays for its image.
func TestAScenarioTellsTheImagesThatItNeeds(t *testing.T) {
	s := story()
	if got := s.images(); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
	s.Phases[0].Await = []Proof{FleetReady{1}}
	if got := s.images(); len(got) != 1 || got[0].ref != fleet.Image {
		t.Errorf("got %v, want the fleet's", got)
	}
}
