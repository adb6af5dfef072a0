package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/canarylab/canarylab/reports"
)

// Revert applies the VirtualServices of a file that an earlier phase applied, and nothing else of it: the
// rollback method that takes one write.
type Revert string

// String implements Step.
func (r Revert) String() string { return "kubectl apply the VirtualService of " + string(r) }

// Action implements Step.
func (r Revert) Action() reports.Action {
	brief := "apply route of " + stem(string(r))
	return reports.Action{Kind: "revert", Brief: brief, File: string(r), Only: []string{routeKind}}
}

// routeKind is the kind of the objects that a Revert applies.
const routeKind = "VirtualService"

func (r Revert) check(s Scenario, applied map[string]bool) error {
	if !applied[string(r)] {
		return errors.New("no earlier phase applied it")
	}
	_, _, err := r.writes(s)
	return err
}

func (r Revert) effects(s Scenario) effects { return writing(s, r) }

func (r Revert) writes(s Scenario) (applied, deleted []object, err error) {
	routes, err := s.only(string(r), routeKind)
	return routes, nil, err
}

// only returns the objects of one kind of one of the scenario's files, one at least.
func (s Scenario) only(file, kind string) ([]object, error) {
	objects, err := s.objects(file)
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(objects, func(o object) bool { return o.GetKind() != kind })
	if len(found) == 0 {
		return nil, fmt.Errorf("it has no %s", kind)
	}
	return found, nil
}

func (r Revert) do(ctx context.Context, at moment) error { return write(ctx, at, r) }

var _ = stepKind(Revert(""))
