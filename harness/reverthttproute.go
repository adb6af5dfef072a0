package harness

import (
	"context"
	"errors"

	"github.com/canarylab/canarylab/reports"
)

// RevertHTTPRoute applies the HTTPRoutes of a file that an earlier phase applied, and nothing else of it: what Revert
// is where the routes are those of the Gateway API.
type RevertHTTPRoute string

// String implements Step.
func (r RevertHTTPRoute) String() string { return "kubectl apply the HTTPRoute of " + string(r) }

// Action implements Step.
func (r RevertHTTPRoute) Action() reports.Action {
	brief := "apply route of " + stem(string(r))
	return reports.Action{Kind: "revert-http-route", Brief: brief, File: string(r), Only: []string{httpRouteKind}}
}

// httpRouteKind is the kind of the objects that a RevertHTTPRoute applies.
const httpRouteKind = "HTTPRoute"

func (r RevertHTTPRoute) check(s Scenario, applied map[string]bool) error {
	if !applied[string(r)] {
		return errors.New("no earlier phase applied it")
	}
	_, _, err := r.writes(s)
	return err
}

func (r RevertHTTPRoute) effects(s Scenario) effects { return writing(s, r) }

func (r RevertHTTPRoute) writes(s Scenario) (applied, deleted []object, err error) {
	routes, err := s.only(string(r), httpRouteKind)
	return routes, nil, err
}

func (r RevertHTTPRoute) do(ctx context.Context, at moment) error { return write(ctx, at, r) }

var _ = stepKind(RevertHTTPRoute(""))
