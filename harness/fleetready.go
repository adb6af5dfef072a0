package harness

import (
	"context"
	"fmt"
)

// FleetReady claims that Proxies simulated proxies have a whole configuration of istiod's: all clusters with their
// endpoints, all listeners, and all routes that these ask for.
type FleetReady struct{ Proxies int }

// String implements Proof.
func (f FleetReady) String() string {
	return fmt.Sprintf("%d simulated proxies have their whole configuration", f.Proxies)
}

func (FleetReady) kind() string { return "fleet-ready" }

func (f FleetReady) check(Scenario, map[string]bool) error {
	if f.Proxies < 1 {
		return fmt.Errorf("%d proxies, want 1 or more", f.Proxies)
	}
	return nil
}

func (f FleetReady) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	if at.env.Fleet == nil {
		return "", "", errNoFleet
	}
	s, err := at.env.Fleet.Status(ctx, at.scenario.home())
	if err != nil {
		return "", "", err
	}
	saw = fmt.Sprintf("%d have it: %d clusters, %d listeners, %d tables of routes each, %.1f MB", s.Holding, s.Clusters,
		s.Listeners, s.Routes, float64(s.Bytes)/1e6)
	if s.Holding != f.Proxies || s.Proxies != f.Proxies {
		wrong = fmt.Sprintf("%d are to be there, and %d have all; the last that lost its stream: %q", s.Proxies,
			s.Holding, s.LastError)
	}
	return saw, wrong, nil
}

// asksFleet implements fleetAsker.
func (FleetReady) asksFleet() {}

var _ = proofKind(FleetReady{})
