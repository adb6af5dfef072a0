package harness

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/loadgen"
)

func TestLoadOutlivesThePhases(t *testing.T) {
	s := story()
	if got, least := s.plan("id").Duration, 3*(DefaultDeadline+settleWithin+stepWithin); got < least {
		t.Errorf("got %s, want %s or more", got, least)
	}
	for range 300 {
		s.Phases = append(s.Phases, s.Phases[0])
	}
	if got := s.plan("id").Duration; got != loadgen.MaxDuration {
		t.Errorf("got %s, want the agent's bound %s", got, loadgen.MaxDuration)
	}
}

// Without a step everything else is as it was, also what later steps refer to.
func TestWithout(t *testing.T) {
	whole := story()
	for i := range whole.Phases {
		if i == 0 {
			continue
		}
		s := whole.Without(i)
		if err := s.Validate(); err != nil {
			t.Errorf("without phase %d: %v", i, err)
		}
		if got := s.Phases[i].did(); !strings.Contains(got, "nothing, instead of: "+whole.Phases[i].did()) {
			t.Errorf("without phase %d: got the step %q", i, got)
		}
		a := s.Phases[i].Action()
		want := "nothing, instead of: " + whole.Phases[i].Action().Brief
		if a.Kind != whole.Phases[i].Action().Kind || !a.Skipped || a.Brief != want {
			t.Errorf("without phase %d: got %+v, want the step, skipped", i, a)
		}
		if s.spec(s.Phases[i]).Rollback != whole.spec(whole.Phases[i]).Rollback {
			t.Errorf("without phase %d: it lost its rollback clock", i)
		}
	}
}

// What takes istiod away is for an Istio of the lab's own, unless it is left out.
func TestOwnIstioOnly(t *testing.T) {
	s := story()
	if s.OwnIstioOnly() {
		t.Error("got true for the story, want false: it leaves istiod alone")
	}
	s.Phases[1].Do = StopIstiod{}
	if !s.OwnIstioOnly() || s.Without(1).OwnIstioOnly() {
		t.Error("want true with a step that stops istiod, and false without that step")
	}
}
