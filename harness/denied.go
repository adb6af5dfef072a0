package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
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

func (d Denied) look(ctx context.Context, at moment) (reports.Verdict, []string, error) {
	err := d.Of.do(ctx, at.scenario, at.env)
	switch {
	case ctx.Err() != nil:
		return reports.Verdict{}, nil, fmt.Errorf("%s: %w", d.Of, errors.Join(ctx.Err(), err))
	case err == nil:
		return reports.Verdict{Saw: "it was taken", Outcome: reports.Fail, Why: "the API server took it"}, nil, nil
	case !strings.Contains(err.Error(), d.With):
		return reports.Verdict{
			Saw: err.Error(), Outcome: reports.Fail, Why: "it was denied for another reason",
		}, nil, nil
	}
	return reports.Verdict{Saw: err.Error(), Outcome: reports.Pass}, nil, nil
}
