package harness

import (
	"context"
	"fmt"

	"github.com/canarylab/canarylab/harness/manifest"
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
	return checkCount("version", c.Version, c.Want, "pods")
}

func (c Sidecars) known(names manifest.Names) error { return names.Version(c.Version) }

func (c Sidecars) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	n, err := at.env.Apps.CountPods(ctx, at.scenario.home(), c.Version)
	if n.Sidecars != c.Want {
		wrong = fmt.Sprintf("%s of %s with a container istio-proxy", count(n.Sidecars, "pod"), c.Version)
	}
	return fmt.Sprintf("%d of %s ready", n.Sidecars, count(n.Ready, "pod")), wrong, err
}

var _ = proofKind(Sidecars{})
