package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/reports"
)

// A Proof looks at something other than requests: at what the proxies hold, at the pods, at what Istio's own analysis says.
// It shows that a fault is where the scenario says that it is, and that it is nowhere else. The set is closed: Endpoints,
// ReadyPods and Diagnosis.
type Proof interface {
	fmt.Stringer
	// check finds what is wrong with the proof without a cluster.
	check() error
	// look judges. notes go into the report as they are. An error means that it could not be looked at.
	look(ctx context.Context, s Scenario, l lab) (v reports.Verdict, notes []string, err error)
}

// prove looks at p. What could not be looked at is inconclusive.
func prove(ctx context.Context, p Proof, s Scenario, l lab) (reports.Verdict, []string) {
	ctx, cancel := context.WithTimeout(ctx, proveWithin)
	defer cancel()
	v, notes, err := p.look(ctx, s, l)
	if err != nil {
		return reports.Verdict{Want: p.String(), Saw: "nothing", Outcome: reports.Inconclusive, Why: err.Error()}, nil
	}
	v.Want = p.String()
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

func (e Endpoints) check() error {
	if e.Subset == "" || e.Want < 0 {
		return errors.New("want a subset, and a number of endpoints that is not negative")
	}
	return nil
}

func (e Endpoints) look(ctx context.Context, s Scenario, l lab) (reports.Verdict, []string, error) {
	got, err := l.Proxies.Endpoints(ctx, s.Name, e.Subset)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Outcome: reports.Pass}
	var saw []string
	for _, proxy := range slices.Sorted(maps.Keys(got)) {
		saw = append(saw, fmt.Sprintf("%s in %s", count(got[proxy], "endpoint"), proxy))
		if got[proxy] != e.Want {
			v.Outcome, v.Why = reports.Fail, "/clusters of "+proxy+" says otherwise"
		}
	}
	if len(got) == 0 {
		saw = []string{"no proxy with a cluster for the subset"}
		v.Outcome, v.Why = reports.Fail, "no caller's proxy knows the subset"
	}
	v.Saw = strings.Join(saw, ", ")
	return v, nil, nil
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

func (r ReadyPods) check() error {
	if r.Version == "" || r.Want < 0 {
		return errors.New("want a version, and a number of pods that is not negative")
	}
	return nil
}

func (r ReadyPods) look(ctx context.Context, s Scenario, l lab) (reports.Verdict, []string, error) {
	n, err := l.Apps.ReadyPods(ctx, s.Name, r.Version)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Saw: count(n, "pod") + " ready", Outcome: reports.Pass}
	if n != r.Want {
		v.Outcome, v.Why = reports.Fail, fmt.Sprintf("Kubernetes has %s of %s ready", count(n, "pod"), r.Version)
	}
	return v, nil, nil
}

// Diagnosis claims that istioctl analyze names the fault, by the code of its message. What it says goes into the report. An
// empty Code claims that it has nothing to say.
type Diagnosis struct{ Code string }

// String implements Proof.
func (d Diagnosis) String() string {
	if d.Code == "" {
		return "istioctl analyze finds nothing"
	}
	return "istioctl analyze finds " + d.Code
}

func (Diagnosis) check() error { return nil }

func (d Diagnosis) look(ctx context.Context, s Scenario, l lab) (reports.Verdict, []string, error) {
	all, err := l.Proxies.Analyze(ctx, s.Name)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Outcome: reports.Fail}
	var codes, notes []string
	for _, f := range all {
		codes = append(codes, f.Code)
		if f.Code == d.Code {
			v.Outcome = reports.Pass
			notes = append(notes, fmt.Sprintf("istioctl analyze: %s %s", f.Code, f.Text))
		}
	}
	slices.Sort(codes)
	v.Saw = strings.Join(slices.Compact(codes), ", ")
	switch {
	case len(all) == 0:
		v.Saw = "nothing"
		if d.Code == "" {
			v.Outcome = reports.Pass
		} else {
			v.Why = "the analysis has nothing to say"
		}
	case d.Code == "":
		v.Why = all[0].Text
	case v.Outcome == reports.Fail:
		v.Why = "the analysis says other things: " + all[0].Text
	}
	return v, notes, nil
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
