package harness

import (
	"context"

	"github.com/canarylab/canarylab/reports"
)

// Apply applies one of the scenario's files, such as Apply("2-canary.yaml").
type Apply string

// String implements Step.
func (a Apply) String() string { return "kubectl apply -f " + string(a) }

// Action implements Step.
func (a Apply) Action() reports.Action {
	return reports.Action{Kind: "apply", Brief: "apply " + stem(string(a)), File: string(a)}
}

func (a Apply) check(s Scenario, _ map[string]bool) error {
	_, _, err := a.writes(s)
	return err
}

func (a Apply) effects(s Scenario) effects { return writing(s, a) }

func (a Apply) writes(s Scenario) (applied, deleted []object, err error) {
	applied, err = s.objects(string(a))
	return applied, nil, err
}

func (a Apply) do(ctx context.Context, at moment) error { return write(ctx, at, a) }

var _ = stepKind(Apply(""))
