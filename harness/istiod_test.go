package harness

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
)

// What a step did to istiod is no trouble, and istiod comes back whatever happens.
func TestIstiodComesBack(t *testing.T) {
	for _, interrupt := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeMesh()
			s := story()
			claims := []expect.Expectation{expect.Share("v2", 50)}
			s.Phases = slices.Insert(s.Phases, 2, Phase{Name: "no istiod", Do: StopIstiod{}, Expect: claims},
				Phase{Name: "istiod again", Do: StartIstiod{}, Expect: claims})
			if interrupt {
				s.Phases = s.Phases[:3]
			}
			rep, _, err := playFake(t, t.Context(), f, s)
			if err != nil {
				t.Fatal(err)
			}
			if rep.Outcome != reports.Pass {
				t.Errorf("got %s: %+v %q %+v", rep.Outcome, verdicts(rep), rep.Accounting.Problems,
					rep.Accounting.Troubles)
			}
			if f.stopped || !f.called("start istiod") {
				t.Error("istiod is still away")
			}
			// An earlier run may have been killed.
			f.stopped, f.calls = true, nil
			if _, _, err := playFake(t, t.Context(), f, story()); err != nil {
				t.Fatal(err)
			}
			want := []string{"start istiod", "owner story"}
			if got := f.order(want); !slices.Equal(got, want) {
				t.Errorf("got %q, want istiod started before anything else", got)
			}
		})
	}
	s := story()
	s.Phases[1].Do = StopIstiod{}
	env := newFakeMesh().env()
	env.Istiod = nil
	_, err := Run(t.Context(), env, s, Options{Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "of its own") {
		t.Errorf("somebody else's istiod: got %v, want a refusal", err)
	}
}

func TestIstiodSteps(t *testing.T) {
	saysWhatItDoes(t, StopIstiod{}, "kubectl scale deployment istiod --replicas=0",
		reports.Action{Kind: "stop-istiod", Brief: "scale istiod to 0"})
	saysWhatItDoes(t, StartIstiod{}, "kubectl scale deployment istiod to what it was",
		reports.Action{Kind: "start-istiod", Brief: "scale istiod to what it was"})
}
