package harness

import (
	"context"
	"errors"

	"github.com/canarylab/canarylab/reports"
)

// Delete deletes the objects of one of the scenario's files.
type Delete string

// String implements Step.
func (d Delete) String() string { return "kubectl delete -f " + string(d) }

// Action implements Step.
func (d Delete) Action() reports.Action {
	return reports.Action{Kind: "delete", Brief: "delete " + stem(string(d)), File: string(d), Deletes: true}
}

func (d Delete) check(s Scenario, _ map[string]bool) error {
	_, deleted, err := d.writes(s)
	if err != nil {
		return err
	}
	for _, o := range deleted {
		if o.GetKind() == "Namespace" {
			return errors.New("the namespace is the engine's to delete")
		}
	}
	return nil
}

func (d Delete) effects(s Scenario) effects { return writing(s, d) }

func (d Delete) writes(s Scenario) (applied, deleted []object, err error) {
	deleted, err = s.objects(string(d))
	return nil, deleted, err
}

func (d Delete) do(ctx context.Context, at moment) error { return write(ctx, at, d) }

var _ = stepKind(Delete(""))
