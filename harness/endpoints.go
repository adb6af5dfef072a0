package harness

import (
	"cmp"
	"context"
	"fmt"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/manifest"
)

// Endpoints claims that every caller's proxy has Want endpoints for Subset of the Service, or for Service, which is
// another one, such as that of a version. That is Envoy's own account, from its admin port (/clusters), of whom it may
// send those requests to.
type Endpoints struct {
	Subset  string `json:",omitzero" choice:"of"`
	Service string `json:",omitzero" choice:"of"`
	Want    int
}

// String implements Proof.
func (e Endpoints) String() string {
	of := "subset " + e.Subset
	if e.Service != "" {
		of = "Service " + e.Service
	}
	return fmt.Sprintf("every caller's proxy has %s for %s", count(e.Want, "endpoint"), of)
}

func (Endpoints) kind() string { return "endpoints" }

func (e Endpoints) check(Scenario, map[string]bool) error {
	if e.Subset != "" && e.Service != "" {
		return fmt.Errorf("want a subset or a Service, got %s and %s", e.Subset, e.Service)
	}
	return checkCount("subset or a Service", cmp.Or(e.Subset, e.Service), e.Want, "endpoints")
}

func (e Endpoints) known(names manifest.Names) error {
	if e.Service != "" {
		return names.Service(e.Service)
	}
	return names.Subset(environment.Service, e.Subset)
}

func (e Endpoints) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	service := cmp.Or(e.Service, environment.Service)
	return lookAtHosts(ctx, at, service, e.Subset, func(h environment.Hosts) (string, bool) {
		return count(h.All, "endpoint"), h.All == e.Want
	})
}

var _ = proofKind(Endpoints{})
