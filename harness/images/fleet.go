package images

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/canarylab/canarylab/harness/artifacts"
)

// A FleetStore builds or finds the program that simulates proxies, and keeps its image.
type FleetStore interface {
	keeper
	// Fleet is the folder with the program.
	Fleet(ctx context.Context) (string, error)
}

// BuildFleet returns the image of simulated proxies, keyed by reference. It is a set of its own, as that of Prometheus
// is.
func BuildFleet(ctx context.Context, s FleetStore) (map[string]v1.Image, error) {
	r, err := FleetRecipe(s)
	if err != nil {
		return nil, err
	}
	return keep(ctx, s, r)
}

// FleetRecipe is that of the image of simulated proxies.
func FleetRecipe(s FleetStore) (artifacts.Recipe, error) {
	id, err := s.IDOf("fleet")
	if err != nil {
		return artifacts.Recipe{}, err
	}
	specs := func(dir string) map[string]spec { return map[string]spec{Fleet: single(dir, "fleet", nonroot)} }
	r := recipeOf(artifacts.FleetImage, describe(specs(id.String())),
		func(ctx context.Context) (map[string]spec, error) {
			dir, err := s.Fleet(ctx)
			if err != nil {
				return nil, err
			}
			return specs(dir), nil
		})
	r.For, r.Seldom = "scenarios with a fleet, and make bench-fleet", true
	return r, nil
}
