package harness

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
)

// ReadyPods claims that Want pods of Version are ready, by Kubernetes' own account. Whatever goes wrong then,
// the version runs.
type ReadyPods struct {
	Version string
	Want    int
}

// String implements Proof.
func (r ReadyPods) String() string {
	return fmt.Sprintf("%s of %s ready", count(r.Want, "pod"), r.Version)
}

func (ReadyPods) kind() string { return "ready-pods" }

func (r ReadyPods) check(Scenario, map[string]bool) error {
	if r.Version == "" || r.Want < 0 {
		return errors.New("want a version, and a number of pods that is not negative")
	}
	return nil
}

func (r ReadyPods) known(names manifest.Names) error { return names.Version(r.Version) }

func (r ReadyPods) look(ctx context.Context, at moment) (reports.Verdict, []string, error) {
	n, err := at.env.Apps.CountPods(ctx, at.scenario.Name, r.Version)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Saw: count(n.Ready, "pod") + " ready", Outcome: reports.Pass}
	if n.Ready != r.Want {
		v.Outcome, v.Why = reports.Fail, fmt.Sprintf("Kubernetes has %s of %s ready", count(n.Ready, "pod"), r.Version)
	}
	return v, nil, nil
}
