package harness

import (
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/canarylab/canarylab/reports"
)

// saysWhatItDoes tells whether a step says what it does, to people and as data.
func saysWhatItDoes(t *testing.T, step Step, want string, action reports.Action) {
	t.Helper()
	if got := step.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := step.Action(); !reflect.DeepEqual(got, action) {
		t.Errorf("%s: got %+v, want %+v", step, got, action)
	}
}

// A report has each change as data, and each verdict its kind.
func TestReportsHaveActionsAndKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := story()
		s.Phases = append(s.Phases, Phase{Name: "watched", Prove: []Proof{ReadyPods{Version: "v1", Want: 1}}})
		rep, _, err := playFake(t, t.Context(), newFakeMesh(), s.Without(1))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []*reports.Action{
			{Kind: "apply", Brief: "apply 1-baseline", File: "1-baseline.yaml"},
			{Kind: "apply", Brief: "nothing, instead of: apply 2-half", File: "2-half.yaml", Skipped: true},
			{
				Kind: "revert", Brief: "apply route of 1-baseline", File: "1-baseline.yaml",
				Only: []string{"VirtualService"},
			},
			nil,
		} {
			if got := rep.Phases[i].Action; !reflect.DeepEqual(got, want) {
				t.Errorf("phase %d: got %+v, want %+v", i+1, got, want)
			}
			for _, v := range rep.Phases[i].Verdicts {
				if v.Kind == "" {
					t.Errorf("phase %d: got %+v, want a kind", i+1, v)
				}
			}
		}
	})
}
