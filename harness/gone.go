package harness

import (
	"context"

	"github.com/canarylab/canarylab/harness/manifest"
)

// Gone claims that Version has no pod any more, not even one that is still ending.
type Gone struct{ Version string }

// String implements Proof.
func (g Gone) String() string { return "the last pod of " + g.Version + " is gone" }

func (Gone) kind() string { return "gone" }

func (g Gone) check(Scenario, map[string]bool) error {
	return checkNamed("version", g.Version)
}

func (g Gone) known(names manifest.Names) error { return names.Version(g.Version) }

func (g Gone) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	n, err := at.env.Apps.CountPods(ctx, at.scenario.home(), g.Version)
	if n.All > 0 {
		wrong = "Kubernetes still has " + count(n.All, "pod") + " of " + g.Version
	}
	return count(n.All, "pod"), wrong, err
}

var _ = proofKind(Gone{})
