package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

// A Proof looks at something other than requests: at what the proxies hold, at the pods, at what Istio's own analysis says.
// It shows that a fault is where the scenario says that it is, and that it is nowhere else. The set is closed: Endpoints,
// Ejected, ReadyPods, Sidecars, Gone, NoCluster, Diagnosis and Refusal.
type Proof interface {
	fmt.Stringer
	// check finds what is wrong with the proof without a cluster. applied has the files that earlier phases and this one applied.
	check(s Scenario, applied map[string]bool) error
	// look judges, in a phase, counted from 0. notes go into the report as they are. An error means that it could not be looked at.
	look(ctx context.Context, s Scenario, phase int, env environment.Environment) (v reports.Verdict, notes []string, err error)
}

// prove looks at p. What could not be looked at is inconclusive.
func prove(ctx context.Context, p Proof, s Scenario, phase int, env environment.Environment) (reports.Verdict, []string) {
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	v, notes, err := p.look(ctx, s, phase, env)
	if err != nil {
		return reports.Verdict{Want: p.String(), Saw: "nothing", Outcome: reports.Inconclusive, Why: err.Error(), Proof: true}, nil
	}
	v.Want, v.Proof = p.String(), true
	return v, notes
}

// Endpoints claims that every caller's proxy has Want endpoints for Subset of the Service: Envoy's own account, from its
// admin port (/clusters), of whom it may send that subset's requests to.
type Endpoints struct {
	Subset string
	Want   int
}

// String implements Proof.
func (e Endpoints) String() string {
	return fmt.Sprintf("every caller's proxy has %s for subset %s", count(e.Want, "endpoint"), e.Subset)
}

func (e Endpoints) check(Scenario, map[string]bool) error {
	if e.Subset == "" || e.Want < 0 {
		return errors.New("want a subset, and a number of endpoints that is not negative")
	}
	return nil
}

func (e Endpoints) look(ctx context.Context, s Scenario, _ int, env environment.Environment) (reports.Verdict, []string, error) {
	return lookAtHosts(ctx, s, env, e.Subset, func(h environment.Hosts) (string, bool) { return count(h.All, "endpoint"), h.All == e.Want })
}

// lookAtHosts judges what every caller's proxy has of a subset's hosts: is says what is to be seen of them, and whether it is right.
func lookAtHosts(ctx context.Context, s Scenario, env environment.Environment, subset string, is func(environment.Hosts) (saw string, right bool)) (reports.Verdict, []string, error) {
	got, err := env.Proxies.Endpoints(ctx, s.Name, subset)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Outcome: reports.Pass}
	var all []string
	for _, proxy := range slices.Sorted(maps.Keys(got)) {
		saw, right := is(got[proxy])
		all = append(all, saw+" in "+proxy)
		if !right {
			v.Outcome, v.Why = reports.Fail, "/clusters of "+proxy+" says otherwise"
		}
	}
	if len(got) == 0 {
		all = []string{"no proxy with a cluster for the subset"}
		v.Outcome, v.Why = reports.Fail, "no caller's proxy knows the subset"
	}
	v.Saw = strings.Join(all, ", ")
	return v, nil, nil
}

// NoCluster claims that no caller's proxy has a cluster for Subset of the Service: no DestinationRule defines it.
type NoCluster struct{ Subset string }

// String implements Proof.
func (n NoCluster) String() string { return "no caller's proxy has a cluster for subset " + n.Subset }

func (n NoCluster) check(Scenario, map[string]bool) error {
	if n.Subset == "" {
		return errors.New("want a subset")
	}
	return nil
}

func (n NoCluster) look(ctx context.Context, s Scenario, _ int, env environment.Environment) (reports.Verdict, []string, error) {
	got, err := env.Proxies.Endpoints(ctx, s.Name, n.Subset)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	if len(got) == 0 {
		return reports.Verdict{Saw: "no proxy with one", Outcome: reports.Pass}, nil, nil
	}
	proxies := strings.Join(slices.Sorted(maps.Keys(got)), ", ")
	return reports.Verdict{Saw: "one in " + proxies, Outcome: reports.Fail, Why: "/clusters of " + proxies + " has it"}, nil, nil
}

// Ejected claims that every caller's proxy has taken Want hosts of Subset out for a time, by its outlier detection.
type Ejected struct {
	Subset string
	Want   int
}

// String implements Proof.
func (e Ejected) String() string {
	return fmt.Sprintf("every caller's proxy has ejected %s of subset %s", count(e.Want, "host"), e.Subset)
}

func (e Ejected) check(Scenario, map[string]bool) error {
	if e.Subset == "" || e.Want < 0 {
		return errors.New("want a subset, and a number of hosts that is not negative")
	}
	return nil
}

func (e Ejected) look(ctx context.Context, s Scenario, _ int, env environment.Environment) (reports.Verdict, []string, error) {
	return lookAtHosts(ctx, s, env, e.Subset, func(h environment.Hosts) (string, bool) {
		return fmt.Sprintf("%d of %s", h.Ejected, count(h.All, "host")), h.Ejected == e.Want
	})
}

// ReadyPods claims that Want pods of Version are ready, by Kubernetes' own account: whatever goes wrong, it is not that the
// version does not run.
type ReadyPods struct {
	Version string
	Want    int
}

// String implements Proof.
func (r ReadyPods) String() string {
	return fmt.Sprintf("%s of %s ready", count(r.Want, "pod"), r.Version)
}

func (r ReadyPods) check(Scenario, map[string]bool) error {
	if r.Version == "" || r.Want < 0 {
		return errors.New("want a version, and a number of pods that is not negative")
	}
	return nil
}

func (r ReadyPods) look(ctx context.Context, s Scenario, _ int, env environment.Environment) (reports.Verdict, []string, error) {
	n, err := env.Apps.CountPods(ctx, s.Name, r.Version)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Saw: count(n.Ready, "pod") + " ready", Outcome: reports.Pass}
	if n.Ready != r.Want {
		v.Outcome, v.Why = reports.Fail, fmt.Sprintf("Kubernetes has %s of %s ready", count(n.Ready, "pod"), r.Version)
	}
	return v, nil, nil
}

// Sidecars claims that Want of the ready pods of Version have a sidecar.
type Sidecars struct {
	Version string
	Want    int
}

// String implements Proof.
func (c Sidecars) String() string {
	return fmt.Sprintf("%s of %s with a sidecar", count(c.Want, "pod"), c.Version)
}

func (c Sidecars) check(Scenario, map[string]bool) error {
	if c.Version == "" || c.Want < 0 {
		return errors.New("want a version, and a number of pods that is not negative")
	}
	return nil
}

func (c Sidecars) look(ctx context.Context, s Scenario, _ int, env environment.Environment) (reports.Verdict, []string, error) {
	n, err := env.Apps.CountPods(ctx, s.Name, c.Version)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Saw: fmt.Sprintf("%d of %s ready", n.Sidecars, count(n.Ready, "pod")), Outcome: reports.Pass}
	if n.Sidecars != c.Want {
		v.Outcome, v.Why = reports.Fail, fmt.Sprintf("%s of %s with a container istio-proxy", count(n.Sidecars, "pod"), c.Version)
	}
	return v, nil, nil
}

// Gone claims that Version has no pod any more, not even one that is still ending.
type Gone struct{ Version string }

// String implements Proof.
func (g Gone) String() string { return "the last pod of " + g.Version + " is gone" }

func (g Gone) check(Scenario, map[string]bool) error {
	if g.Version == "" {
		return errors.New("want a version")
	}
	return nil
}

func (g Gone) look(ctx context.Context, s Scenario, _ int, env environment.Environment) (reports.Verdict, []string, error) {
	n, err := env.Apps.CountPods(ctx, s.Name, g.Version)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Saw: count(n.All, "pod"), Outcome: reports.Pass}
	if n.All > 0 {
		v.Outcome, v.Why = reports.Fail, "Kubernetes still has "+count(n.All, "pod")+" of "+g.Version
	}
	return v, nil, nil
}

// Refusal claims that the API server will not take a change, and says With among its reasons.
type Refusal struct {
	Of   Step
	With string
}

// String implements Proof.
func (r Refusal) String() string {
	if r.Of == nil {
		return "nothing is refused"
	}
	return fmt.Sprintf("%s is refused: %q", r.Of, r.With)
}

func (r Refusal) check(s Scenario, applied map[string]bool) error {
	if r.Of == nil || r.With == "" {
		return errors.New("want a step, and what its refusal says")
	}
	return r.Of.check(s, applied)
}

func (r Refusal) look(ctx context.Context, s Scenario, _ int, env environment.Environment) (reports.Verdict, []string, error) {
	err := r.Of.do(ctx, s, env)
	switch {
	case ctx.Err() != nil:
		return reports.Verdict{}, nil, fmt.Errorf("%s: %w", r.Of, errors.Join(ctx.Err(), err))
	case err == nil:
		return reports.Verdict{Saw: "it was taken", Outcome: reports.Fail, Why: "the API server took it"}, nil, nil
	case !strings.Contains(err.Error(), r.With):
		return reports.Verdict{Saw: err.Error(), Outcome: reports.Fail, Why: "it was refused for another reason"}, nil, nil
	}
	return reports.Verdict{Saw: err.Error(), Outcome: reports.Pass}, nil, nil
}

// count is "1 pod", "2 pods", "no pods".
func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what + "s"
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
