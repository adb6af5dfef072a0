package harness

import (
	"context"

	"github.com/canarylab/canarylab/reports"
)

// StopIstiod takes istiod away, as a bad upgrade or a full node does: proxies keep what they have and learn of
// nothing new. It is played only where the Istio is the lab's own. The engine starts istiod again at the end of
// the run, whatever happens.
type StopIstiod struct{}

// String implements Step.
func (StopIstiod) String() string { return "kubectl scale deployment istiod --replicas=0" }

// Action implements Step.
func (StopIstiod) Action() reports.Action {
	return reports.Action{Kind: "stop-istiod", Brief: "scale istiod to 0"}
}

func (StopIstiod) check(Scenario, map[string]bool) error { return nil }

func (StopIstiod) effects(Scenario) effects { return effects{StopsIstiod: true} }

func (StopIstiod) leave(s *state) { s.stopped = true }

func (StopIstiod) do(ctx context.Context, at moment) error { return at.env.Istiod.Stop(ctx) }

// StartIstiod brings istiod back.
type StartIstiod struct{}

// String implements Step.
func (StartIstiod) String() string { return "kubectl scale deployment istiod to what it was" }

// Action implements Step.
func (StartIstiod) Action() reports.Action {
	return reports.Action{Kind: "start-istiod", Brief: "scale istiod to what it was"}
}

func (StartIstiod) check(Scenario, map[string]bool) error { return nil }

func (StartIstiod) effects(Scenario) effects { return effects{StartsIstiod: true, Proxies: true} }

func (StartIstiod) leave(s *state) { s.stopped = false }

func (StartIstiod) do(ctx context.Context, at moment) error { return at.env.Istiod.Start(ctx) }

var _, _ = stepKind(StopIstiod{}), stepKind(StartIstiod{})
