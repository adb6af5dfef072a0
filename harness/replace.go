package harness

import (
	"context"
	"errors"
	"slices"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/reports"
)

// Replace applies one of the scenario's files in the place of another that an earlier phase applied. What only the
// other one has is deleted afterwards.
type Replace struct {
	// Old is the file that was applied, By the one that is applied in its place.
	Old, By string
}

// String implements Step.
func (r Replace) String() string {
	return "kubectl apply -f " + r.By + " and delete what only " + r.Old + " has"
}

// Action implements Step.
func (r Replace) Action() reports.Action {
	return reports.Action{Kind: "replace", Brief: "replace " + stem(r.Old) + " by " + stem(r.By), File: r.By}
}

func (r Replace) check(s Scenario, applied map[string]bool) error {
	if !applied[r.Old] {
		return errors.New("no earlier phase applied " + r.Old)
	}
	_, _, err := r.writes(s)
	return err
}

func (r Replace) effects(s Scenario) effects { return writing(s, r) }

func (r Replace) writes(s Scenario) (applied, deleted []object, err error) {
	if applied, err = s.objects(r.By); err != nil {
		return nil, nil, err
	}
	old, err := s.objects(r.Old)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range old {
		kept := slices.ContainsFunc(applied, func(a object) bool { return kube.Same(a, o) })
		if !kept && o.GetKind() != "Namespace" { // namespaces are the engine's to delete
			deleted = append(deleted, o)
		}
	}
	return applied, deleted, nil
}

func (r Replace) do(ctx context.Context, at moment) error { return write(ctx, at, r) }

var _ = stepKind(Replace{})
