package harness

import (
	"context"
	"errors"
	"fmt"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
)

// Sidecars claims that Want of the ready pods of Version have a sidecar.
type Sidecars struct {
	Version string
	Want    int
}

// String implements Proof.
func (c Sidecars) String() string {
	return fmt.Sprintf("%s of %s with a sidecar", count(c.Want, "pod"), c.Version)
}

func (Sidecars) kind() string { return "sidecars" }

func (c Sidecars) check(Scenario, map[string]bool) error {
	if c.Version == "" || c.Want < 0 {
		return errors.New("want a version, and a number of pods that is not negative")
	}
	return nil
}

func (c Sidecars) known(names manifest.Names) error { return names.Version(c.Version) }

func (c Sidecars) look(ctx context.Context, at moment) (reports.Verdict, []string, error) {
	n, err := at.env.Apps.CountPods(ctx, at.scenario.Name, c.Version)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Saw: fmt.Sprintf("%d of %s ready", n.Sidecars, count(n.Ready, "pod")), Outcome: reports.Pass}
	if n.Sidecars != c.Want {
		v.Outcome = reports.Fail
		v.Why = fmt.Sprintf("%s of %s with a container istio-proxy", count(n.Sidecars, "pod"), c.Version)
	}
	return v, nil, nil
}
