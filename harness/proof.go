package harness

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

// A Proof looks at something other than requests: at the configuration of the proxies, at the pods, at what
// Istio's own analysis says. It shows that a fault is where the scenario says that it is, and that it is
// nowhere else. Each proof has a file of its own, and nothing else lists the proofs: that file and its test are
// all that a new one takes. A proof that speaks of something by its name is a namer too.
type Proof interface {
	fmt.Stringer
	// kind is the Kind of its verdicts.
	kind() string
	// check finds what is wrong with the proof without a cluster. applied has the files that earlier phases and
	// this one applied.
	check(s Scenario, applied map[string]bool) error
	// look judges. findings go into the report as they are. An error means that nothing could be seen.
	look(ctx context.Context, at moment) (v reports.Verdict, findings []string, err error)
}

// A moment is when and where a Proof looks: in a phase of a scenario, counted from 0.
type moment struct {
	scenario Scenario
	phase    int
	env      environment.Environment
}

// prove looks at p. A proof that could not be looked at is inconclusive.
func prove(
	ctx context.Context, p Proof, s Scenario, phase int, env environment.Environment,
) (reports.Verdict, []string) {
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	v, findings, err := p.look(ctx, moment{s, phase, env})
	if err != nil {
		return unseen(p, err.Error()), nil
	}
	v.Kind, v.Want, v.Proof = p.kind(), p.String(), true
	return v, findings
}

// unseen returns the verdict on a proof at which nobody could look.
func unseen(p Proof, why string) reports.Verdict {
	return reports.Verdict{
		Kind: p.kind(), Want: p.String(), Saw: "nothing", Outcome: reports.Inconclusive, Why: why, Proof: true,
	}
}

// lookAtHosts judges the hosts of a subset that every caller's proxy has. judge says what is to be seen of them, and
// whether that is right.
func lookAtHosts(
	ctx context.Context, at moment, subset string, judge func(environment.Hosts) (saw string, right bool),
) (reports.Verdict, []string, error) {
	got, err := at.env.Proxies.Endpoints(ctx, at.scenario.Name, subset)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Outcome: reports.Pass}
	var all []string
	for _, proxy := range slices.Sorted(maps.Keys(got)) {
		saw, right := judge(got[proxy])
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
