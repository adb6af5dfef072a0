package harness

import (
	"context"
	"fmt"

	"github.com/canarylab/canarylab/harness/manifest"
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
	return checkCount("version", r.Version, r.Want, "pods")
}

func (r ReadyPods) known(names manifest.Names) error { return names.Version(r.Version) }

func (r ReadyPods) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	n, err := at.env.Apps.CountPods(ctx, at.scenario.home(), r.Version)
	if n.Ready != r.Want {
		wrong = fmt.Sprintf("Kubernetes has %s of %s ready", count(n.Ready, "pod"), r.Version)
	}
	return count(n.Ready, "pod") + " ready", wrong, err
}

var _ = proofKind(ReadyPods{})
