package harness

import (
	"context"
	"errors"
	"slices"

	"github.com/canarylab/canarylab/reports"
)

// Replace applies one of the scenario's files in the place of another that an earlier phase applied. What only the
// other one has is deleted afterwards.
func Replace(old, by string) Step { return replace{old, by} }

type replace struct{ old, by string }

// String implements Step.
func (r replace) String() string {
	return "kubectl apply -f " + r.by + " and delete what only " + r.old + " has"
}

// Action implements Step.
func (r replace) Action() reports.Action {
	return reports.Action{Kind: "replace", Brief: "replace " + stem(r.old) + " by " + stem(r.by), File: r.by}
}

func (r replace) check(s Scenario, applied map[string]bool) error {
	if !applied[r.old] {
		return errors.New("no earlier phase applied " + r.old)
	}
	_, _, err := r.writes(s)
	return err
}

func (r replace) effects(s Scenario) effects { return writing(s, r) }

func (r replace) writes(s Scenario) (applied, deleted []object, err error) {
	if applied, err = s.objects(r.by); err != nil {
		return nil, nil, err
	}
	old, err := s.objects(r.old)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range old {
		kept := slices.ContainsFunc(applied, func(a object) bool { return same(a, o) })
		if !kept && o.GetKind() != "Namespace" { // namespaces are the engine's to delete
			deleted = append(deleted, o)
		}
	}
	return applied, deleted, nil
}

func (r replace) do(ctx context.Context, at moment) error { return write(ctx, at, r) }
