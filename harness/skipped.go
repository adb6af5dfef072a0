package harness

import (
	"context"

	"github.com/canarylab/canarylab/reports"
)

// skipped is a step that is left out: see Scenario.Without. Its check is the one of the step, so that later
// steps may refer to it.
type skipped struct{ Step }

// String implements Step.
func (s skipped) String() string { return instead + s.Step.String() }

const instead = "nothing, instead of: "

// Action implements Step.
func (s skipped) Action() reports.Action {
	a := s.Step.Action()
	a.Brief, a.Skipped = instead+a.Brief, true
	return a
}

func (skipped) effects(Scenario) effects { return effects{} }

func (skipped) do(context.Context, moment) error { return nil }
