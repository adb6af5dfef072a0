package harness

import (
	"context"
	"fmt"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
)

// ScaleTo sets a deployment's number of replicas.
type ScaleTo struct {
	Deployment string
	Replicas   int32
}

// String implements Step.
func (s ScaleTo) String() string {
	return fmt.Sprintf("kubectl scale deployment %s --replicas=%d", s.Deployment, s.Replicas)
}

// Action implements Step.
func (s ScaleTo) Action() reports.Action {
	return reports.Action{Kind: "scale", Brief: fmt.Sprintf("scale %s to %d", s.Deployment, s.Replicas)}
}

func (s ScaleTo) check(Scenario, map[string]bool) error {
	if s.Deployment == "" || s.Replicas < 0 {
		return fmt.Errorf("deployment %q, %d replicas", s.Deployment, s.Replicas)
	}
	return nil
}

func (s ScaleTo) known(names manifest.Names) error { return names.Deployment(s.Deployment) }

func (ScaleTo) effects(Scenario) effects { return effects{Workloads: true, Proxies: true} }

func (s ScaleTo) leave(st *state) {
	if s.Replicas == 0 || st.replicasOf(s.Deployment) == 0 {
		st.renew(s.Deployment)
	}
	st.deployed(s.Deployment).replicas = &s.Replicas
}

func (s ScaleTo) do(ctx context.Context, at moment) error {
	return at.env.Objects.Scale(ctx, at.scenario.home(), s.Deployment, s.Replicas)
}

var _ = stepKind(ScaleTo{})
