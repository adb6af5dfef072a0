package harness

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

// A proved is a proof, what it looks at, the outcome, and what was seen.
type proved struct {
	name  string
	proof Proof
	mesh  *fakeMesh
	want  reports.Outcome
	saw   string
}

// provesAs tells whether proofs of a kind judge as they should.
func provesAs(t *testing.T, kind string, all []proved) {
	t.Helper()
	for _, tc := range all {
		t.Run(tc.name, func(t *testing.T) {
			v, _ := prove(t.Context(), tc.proof, moment{scenario: story(), env: tc.mesh.env()})
			if v.Outcome != tc.want || v.Saw != tc.saw || (v.Why == "") != (v.Outcome == reports.Pass) {
				t.Errorf("got %+v, want %s, saw %q, and a why unless it passes", v, tc.want, tc.saw)
			}
			if v.Kind != kind || v.Want != tc.proof.String() || !v.Proof {
				t.Errorf("got %+v, want a proof of kind %q that claims %q", v, kind, tc.proof)
			}
		})
	}
}

// What a change is to bring about is awaited, and a phase without it is judged by nothing.
func TestAwaitedFacts(t *testing.T) {
	for _, test := range []struct {
		name string
		// after is how long the fact takes to come about.
		after time.Duration
		want  reports.Outcome
	}{{"soon", 3 * time.Second, reports.Pass}, {"never", time.Hour, reports.Inconclusive}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeMesh()
				f.endpoints = map[string]environment.Hosts{"client": {All: 2}}
				s := story()
				s.Phases[1].Await = []Proof{Ejected{"v2", 1}}
				changed := false
				f.hook = func(call string) error {
					if call == "endpoints v2" && !changed {
						changed = true
						time.AfterFunc(test.after, func() {
							f.endpoints = map[string]environment.Hosts{"client": {All: 2, Ejected: 1}}
						})
					}
					return nil
				}
				rep, _, err := playFake(t, t.Context(), f, s)
				if err != nil || rep.Outcome != test.want {
					t.Fatalf("got %s, %v, want %s: %+v", rep.Outcome, err, test.want, verdicts(rep))
				}
				o := rep.Phases[1].Observation
				settled := !o.SettledAt.IsZero() && o.SettledAt.Sub(o.Start) >= test.after
				if settled != (test.want == reports.Pass) {
					t.Errorf("settled %s after its start", o.SettledAt.Sub(o.Start))
				}
			})
		})
	}
}
