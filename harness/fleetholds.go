package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/canarylab/canarylab/harness/fleet"
	"github.com/canarylab/canarylab/harness/patience"
	"github.com/canarylab/canarylab/reports/format"
)

// FleetHolds claims that the last of the simulated proxies is given the phase's Route within a time of its write, and
// that the first is given it AtLeast a time after that, as istiod waits for more changes. Route has the subsets with
// their weights, such as "v1 90, v2 10".
type FleetHolds struct {
	Route   string
	Within  time.Duration
	AtLeast time.Duration `json:",omitzero"`
}

// String implements Proof.
func (f FleetHolds) String() string {
	least := ""
	if f.AtLeast > 0 {
		least = fmt.Sprintf(", and the first not before %s", format.Short(f.AtLeast))
	}
	return fmt.Sprintf("the last simulated proxy has %s within %s%s", f.Route, format.Short(f.Within), least)
}

func (FleetHolds) kind() string { return "fleet-holds" }

func (f FleetHolds) check(s Scenario, _ map[string]bool) error {
	switch {
	case f.Route == "":
		return errors.New("want a route, such as v1 100")
	case f.Within <= f.AtLeast || f.AtLeast < 0:
		return fmt.Errorf("want it within more than %s, not %s", f.AtLeast, f.Within)
	case f.Within > fleetWithin:
		return fmt.Errorf("want it within %s at most, not %s", fleetWithin, f.Within)
	}
	return nil
}

// fleetWithin bounds Within: by then nobody looks any more.
const fleetWithin = 15 * time.Second

// errNoFleet is returned where there are no simulated proxies at all.
var errNoFleet = errors.New("no proxies are simulated here")

// fleetAsker is a Proof that looks at simulated proxies.
type fleetAsker interface{ asksFleet() }

func (FleetHolds) asksFleet() {}

// look waits until the last proxy has it, or until that is too late. Both bounds are judged by what is certain: it
// can't have been accepted before it was written, nor after that was answered.
func (f FleetHolds) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	if at.env.Fleet == nil {
		return "", "", errNoFleet
	}
	if at.written.IsZero() {
		return "", "", errors.New("the phase wrote nothing")
	}
	status, err := at.env.Fleet.Status(ctx, at.scenario.home())
	if err != nil {
		return "", "", err
	}
	limit := at.written.Add(patience.Of(f.Within))
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		all, clocks, err := at.env.Fleet.Receipts(ctx, at.scenario.home(), at.writing)
		if err != nil {
			return "", "", err
		}
		had := f.since(all)
		if len(had) >= status.Proxies || time.Now().After(limit) {
			saw, wrong = f.judge(had, status.Proxies, at.writing, at.written, clocks)
			return saw, wrong, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", "", context.Cause(ctx)
		}
	}
}

// since returns when proxies were given the route first, the earliest first.
func (f FleetHolds) since(all []fleet.Receipt) []time.Time {
	had := map[int]time.Time{}
	for _, r := range all {
		if _, before := had[r.Proxy]; r.Route == f.Route && !before {
			had[r.Proxy] = r.At
		}
	}
	return slices.SortedFunc(maps.Values(had), time.Time.Compare)
}

// judge says how long it took from the answer to the write on, and what is wrong with that.
func (f FleetHolds) judge(
	had []time.Time, proxies int, writing, written time.Time, clocks time.Duration,
) (saw, wrong string) {
	saw = fmt.Sprintf("%d of %d simulated proxies", len(had), proxies)
	if len(had) == 0 {
		return saw, "none has it"
	}
	first, last := had[0], had[len(had)-1]
	saw += fmt.Sprintf(", the first after %s, the median after %s, the last after %s", format.Short(first.Sub(written)),
		format.Short(had[len(had)/2].Sub(written)), format.Short(last.Sub(written)))
	switch {
	case len(had) < proxies:
		return saw, fmt.Sprintf("%d do not have it yet", proxies-len(had))
	case last.Sub(writing)+clocks > f.Within:
		return saw, "the last one has it too late"
	case first.Sub(written)-clocks < f.AtLeast:
		return saw, "the first one has it too early"
	}
	return saw, ""
}

var _ = proofKind(FleetHolds{})
