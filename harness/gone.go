package harness

import (
	"context"
	"errors"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
)

// Gone claims that Version has no pod any more, not even one that is still ending.
type Gone struct{ Version string }

// String implements Proof.
func (g Gone) String() string { return "the last pod of " + g.Version + " is gone" }

func (Gone) kind() string { return "gone" }

func (g Gone) check(Scenario, map[string]bool) error {
	if g.Version == "" {
		return errors.New("want a version")
	}
	return nil
}

func (g Gone) known(names manifest.Names) error { return names.Version(g.Version) }

func (g Gone) look(ctx context.Context, at moment) (reports.Verdict, []string, error) {
	n, err := at.env.Apps.CountPods(ctx, at.scenario.Name, g.Version)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Saw: count(n.All, "pod"), Outcome: reports.Pass}
	if n.All > 0 {
		v.Outcome, v.Why = reports.Fail, "Kubernetes still has "+count(n.All, "pod")+" of "+g.Version
	}
	return v, nil, nil
}
