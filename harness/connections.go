package harness

import (
	"context"
	"fmt"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/harness/manifest"
)

// Connections claims that every caller's proxy has Want connections open to the pods of Subset, or with OrMore at least
// as many. That is Envoy's own account, from its admin port (/clusters, cx_active).
type Connections struct {
	Subset string
	Want   int
	// OrMore tells that more will do.
	OrMore bool `json:",omitzero"`
}

// String implements Proof.
func (c Connections) String() string {
	want := count(c.Want, "connection")
	if c.OrMore {
		want += " or more"
	}
	return fmt.Sprintf("every caller's proxy has %s open to subset %s", want, c.Subset)
}

func (Connections) kind() string { return "connections" }

func (c Connections) check(Scenario, map[string]bool) error {
	return checkCount("subset", c.Subset, c.Want, "connections")
}

func (c Connections) known(names manifest.Names) error {
	return names.Subset(environment.Service, c.Subset)
}

func (c Connections) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	return lookAtHosts(ctx, at, environment.Service, c.Subset, func(h environment.Hosts) (string, bool) {
		return count(h.Connections, "connection"), h.Connections == c.Want || c.OrMore && h.Connections > c.Want
	})
}

var _ = proofKind(Connections{})
