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
	// look says what is to be seen, and what is wrong with that: nothing where the proof holds. An error means that
	// nothing could be seen, whatever else look returns.
	look(ctx context.Context, at moment) (saw, wrong string, err error)
}

// prove looks at p. A proof that could not be looked at is inconclusive. findings are for the report.
func prove(ctx context.Context, p Proof, at moment) (v reports.Verdict, findings []string) {
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	at.find = func(text string) { findings = append(findings, text) }
	saw, wrong, err := p.look(ctx, at)
	if err != nil {
		return unseen(p, err.Error()), nil
	}
	v = reports.Verdict{Kind: p.kind(), Want: p.String(), Saw: saw, Outcome: reports.Pass, Why: wrong, Proof: true}
	if wrong != "" {
		v.Outcome = reports.Fail
	}
	return v, findings
}

// unseen returns the verdict on a proof at which nobody could look.
func unseen(p Proof, why string) reports.Verdict {
	return reports.Verdict{
		Kind: p.kind(), Want: p.String(), Saw: "nothing", Outcome: reports.Inconclusive, Why: why, Proof: true,
	}
}

// checkNamed tells whether a proof of one of the scenario's things names it.
func checkNamed(thing, name string) error {
	if name == "" {
		return fmt.Errorf("want a %s", thing)
	}
	return nil
}

// checkCount tells whether a proof of how much a thing has names it, and counts.
func checkCount(thing, name string, n int, what string) error {
	if name == "" || n < 0 {
		return fmt.Errorf("want a %s, and a number of %s that is not negative", thing, what)
	}
	return nil
}

// lookAtHosts judges the hosts that every caller's proxy has of a subset of a Service, or of all of it. judge describes
// the hosts of one proxy, and tells whether they are as wanted.
func lookAtHosts(
	ctx context.Context, at moment, service, subset string, judge func(environment.Hosts) (saw string, right bool),
) (saw, wrong string, err error) {
	got, err := at.env.Proxies.Endpoints(ctx, at.scenario.home(), service, subset)
	if err != nil || len(got) == 0 {
		what := "the subset"
		if subset == "" {
			what = "the Service"
		}
		return "no proxy with a cluster for " + what, "no caller's proxy knows " + what, err
	}
	var all []string
	for _, proxy := range slices.Sorted(maps.Keys(got)) {
		saw, right := judge(got[proxy])
		all = append(all, saw+" in "+proxy)
		if !right {
			wrong = "/clusters of " + proxy + " says otherwise"
		}
	}
	return strings.Join(all, ", "), wrong, nil
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
