package harness

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/manifest"
)

// NoCluster claims that no caller's proxy has a cluster for Subset of the Service: no DestinationRule defines it.
type NoCluster struct{ Subset string }

// String implements Proof.
func (n NoCluster) String() string { return "no caller's proxy has a cluster for subset " + n.Subset }

func (NoCluster) kind() string { return "no-cluster" }

func (n NoCluster) check(Scenario, map[string]bool) error {
	return checkNamed("subset", n.Subset)
}

func (n NoCluster) known(names manifest.Names) error {
	return names.Subset(environment.Service, n.Subset)
}

func (n NoCluster) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	got, err := at.env.Proxies.Endpoints(ctx, at.scenario.home(), environment.Service, n.Subset)
	if err != nil || len(got) == 0 {
		return "no proxy with one", "", err
	}
	proxies := strings.Join(slices.Sorted(maps.Keys(got)), ", ")
	return "one in " + proxies, "/clusters of " + proxies + " has it", nil
}

var _ = proofKind(NoCluster{})
