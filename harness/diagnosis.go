package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

// Diagnosis claims what Istio's analysis says, by the codes of its messages: Code of the objects on the cluster (istioctl
// analyze), Files of the scenario's files alone, as far as they were applied by then (istioctl analyze --use-kube=false). That
// is what a pipeline can find out before anything is applied. An empty code claims that the analysis has nothing to say. What it says
// goes into the report.
type Diagnosis struct{ Code, Files string }

// String implements Proof.
func (d Diagnosis) String() string {
	if d.Code == d.Files {
		return "istioctl analyze finds " + orNothing(d.Code) + ", on the cluster and in the files alone"
	}
	return fmt.Sprintf("istioctl analyze finds %s on the cluster, and %s in the files alone", orNothing(d.Code), orNothing(d.Files))
}

func orNothing(code string) string {
	if code == "" {
		return "nothing"
	}
	return code
}

func (Diagnosis) check(Scenario, map[string]bool) error { return nil }

func (d Diagnosis) look(ctx context.Context, s Scenario, phase int, env environment.Environment) (reports.Verdict, []string, error) {
	live, err := env.Proxies.Analyze(ctx, s.Name)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	state, err := s.state(phase)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	files, err := env.Proxies.AnalyzeFiles(ctx, s.Name, state)
	if err != nil {
		return reports.Verdict{}, nil, err
	}
	v := reports.Verdict{Outcome: reports.Pass, Saw: codes(live)}
	if saw := codes(files); saw != v.Saw {
		v.Saw = fmt.Sprintf("%s on the cluster, %s in the files", v.Saw, saw)
	}
	var notes, whys []string
	for _, side := range []struct {
		where, want string
		found       []environment.Finding
	}{{"on the cluster", d.Code, live}, {"in the files", d.Files, files}} {
		for _, f := range side.found {
			notes = append(notes, fmt.Sprintf("istioctl analyze, %s: %s %s", side.where, f.Code, f.Text))
		}
		if why := unlike(side.want, side.found); why != "" {
			whys = append(whys, side.where+": "+why)
		}
	}
	if len(whys) > 0 {
		v.Outcome, v.Why = reports.Fail, strings.Join(whys, "; ")
	}
	return v, notes, nil
}

// codes are those of what was found, each once.
func codes(found []environment.Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, f.Code)
	}
	slices.Sort(all)
	return orNothing(strings.Join(slices.Compact(all), ", "))
}

// unlike says in what the findings are not what is wanted, empty where they are.
func unlike(code string, found []environment.Finding) string {
	switch {
	case code == "" && len(found) > 0:
		return found[0].Text
	case code == "" || slices.ContainsFunc(found, func(f environment.Finding) bool { return f.Code == code }):
		return ""
	case len(found) == 0:
		return "the analysis has nothing to say"
	}
	return "the analysis says other things: " + found[0].Text
}
