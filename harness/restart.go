package harness

import (
	"context"
	"errors"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
)

// Restart gives a deployment new pods. All that is decided when a pod is made, such as whether it gets a
// sidecar, is decided anew.
type Restart struct{ Deployment string }

// String implements Step.
func (r Restart) String() string { return "kubectl rollout restart deployment " + r.Deployment }

// Action implements Step.
func (r Restart) Action() reports.Action {
	return reports.Action{Kind: "restart", Brief: "rollout restart " + r.Deployment}
}

func (r Restart) check(Scenario, map[string]bool) error {
	if r.Deployment == "" {
		return errors.New("no deployment")
	}
	return nil
}

func (r Restart) known(names manifest.Names) error { return names.Deployment(r.Deployment) }

func (Restart) effects(Scenario) effects { return effects{Workloads: true, Proxies: true} }

func (r Restart) leave(s *state) {
	s.renew(r.Deployment)
	s.deployed(r.Deployment).restarts++
}

func (r Restart) do(ctx context.Context, at moment) error {
	return at.env.Objects.Restart(ctx, at.scenario.home(), r.Deployment)
}

var _ = stepKind(Restart{})
