package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/harness/manifest"
)

// Denied claims that the API server denies a change, and says With among its reasons.
type Denied struct {
	Of   Step
	With string
}

// String implements Proof.
func (d Denied) String() string {
	if d.Of == nil {
		return "nothing is denied"
	}
	return fmt.Sprintf("%s is denied: %q", d.Of, d.With)
}

func (Denied) kind() string { return "denied" }

func (d Denied) check(s Scenario, applied map[string]bool) error {
	if d.Of == nil || d.With == "" {
		return errors.New("want a step, and what the API server says")
	}
	return d.Of.check(s, applied)
}

func (d Denied) known(names manifest.Names) error {
	if of, ok := d.Of.(namer); ok {
		return of.known(names)
	}
	return nil
}

func (d Denied) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	denial := d.Of.do(ctx, at)
	switch {
	case ctx.Err() != nil:
		return "", "", fmt.Errorf("%s: %w", d.Of, errors.Join(ctx.Err(), denial))
	case denial == nil:
		return "it was taken", "the API server took it", nil
	case !strings.Contains(denial.Error(), d.With):
		return denial.Error(), "it was denied for another reason", nil
	}
	return denial.Error(), "", nil
}

var _ = proofKind(Denied{})
