package harness

import (
	"context"
	"errors"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
)

// Undo gives a deployment the pods that it had before its last change.
type Undo struct{ Deployment string }

// String implements Step.
func (u Undo) String() string { return "kubectl rollout undo deployment " + u.Deployment }

// Action implements Step.
func (u Undo) Action() reports.Action {
	return reports.Action{Kind: "undo", Brief: "rollout undo " + u.Deployment}
}

func (u Undo) check(Scenario, map[string]bool) error {
	if u.Deployment == "" {
		return errors.New("no deployment")
	}
	return nil
}

func (u Undo) known(names manifest.Names) error { return names.Deployment(u.Deployment) }

func (Undo) effects(Scenario) effects { return effects{Workloads: true, Proxies: true} }

func (u Undo) leave(s *state) {
	s.renew(u.Deployment)
	d := s.deployed(u.Deployment)
	d.undone = d.before != nil
}

func (u Undo) do(ctx context.Context, at moment) error {
	return at.env.Objects.Undo(ctx, at.scenario.home(), u.Deployment)
}

var _ = stepKind(Undo{})
