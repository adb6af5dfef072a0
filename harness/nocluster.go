package harness

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
)

// NoCluster claims that no caller's proxy has a cluster for Subset of the Service: no DestinationRule defines it.
type NoCluster struct{ Subset string }

// String implements Proof.
func (n NoCluster) String() string { return "no caller's proxy has a cluster for subset " + n.Subset }

func (NoCluster) kind() string { return "no-cluster" }

func (n NoCluster) check(Scenario, map[string]bool) error {
	if n.Subset == "" {
		return errors.New("want a subset")
	}
	return nil
}

func (n NoCluster) known(names manifest.Names) error { return names.Subset(Service, n.Subset) }

func (n NoCluster) look(ctx context.Context, at moment) (reports.Verdict, []string, error) {
	got, err := at.env.Proxies.Endpoints(ctx, at.scenario.Name, n.Subset)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	if len(got) == 0 {
		return reports.Verdict{Saw: "no proxy with one", Outcome: reports.Pass}, nil, nil
	}
	proxies := strings.Join(slices.Sorted(maps.Keys(got)), ", ")
	return reports.Verdict{
		Saw: "one in " + proxies, Outcome: reports.Fail, Why: "/clusters of " + proxies + " has it",
	}, nil, nil
}
