package harness

import (
	"context"
	"fmt"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/manifest"
)

// Endpoints claims that every caller's proxy has Want endpoints for Subset of the Service. That is Envoy's own account,
// from its admin port (/clusters), of whom it may send that subset's requests to.
type Endpoints struct {
	Subset string
	Want   int
}

// String implements Proof.
func (e Endpoints) String() string {
	return fmt.Sprintf("every caller's proxy has %s for subset %s", count(e.Want, "endpoint"), e.Subset)
}

func (Endpoints) kind() string { return "endpoints" }

func (e Endpoints) check(Scenario, map[string]bool) error {
	return checkCount("subset", e.Subset, e.Want, "endpoints")
}

func (e Endpoints) known(names manifest.Names) error {
	return names.Subset(environment.Service, e.Subset)
}

func (e Endpoints) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	return lookAtHosts(ctx, at, e.Subset, func(h environment.Hosts) (string, bool) {
		return count(h.All, "endpoint"), h.All == e.Want
	})
}

var _ = proofKind(Endpoints{})
