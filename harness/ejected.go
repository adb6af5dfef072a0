package harness

import (
	"context"
	"fmt"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/manifest"
)

// Ejected claims that every caller's proxy has taken Want hosts of Subset out for a time, by its outlier detection.
type Ejected struct {
	Subset string
	Want   int
}

// String implements Proof.
func (e Ejected) String() string {
	return fmt.Sprintf("every caller's proxy has ejected %s of subset %s", count(e.Want, "host"), e.Subset)
}

func (Ejected) kind() string { return "ejected" }

func (e Ejected) check(Scenario, map[string]bool) error {
	return checkCount("subset", e.Subset, e.Want, "hosts")
}

func (e Ejected) known(names manifest.Names) error {
	return names.Subset(environment.Service, e.Subset)
}

func (e Ejected) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	return lookAtHosts(ctx, at, environment.Service, e.Subset, func(h environment.Hosts) (string, bool) {
		return fmt.Sprintf("%d of %s", h.Ejected, count(h.All, "host")), h.Ejected == e.Want
	})
}

var _ = proofKind(Ejected{})
