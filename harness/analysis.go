package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

// Analysis claims what istioctl analyze finds, by the codes of its messages: Code among the objects on the
// cluster, and Files among the scenario's files alone, as far as they were applied by then (istioctl analyze
// --use-kube=false). The latter is what a pipeline can find out before anything is applied. An empty code
// claims that the analysis finds nothing. All that it finds goes into the report.
type Analysis struct {
	Code  string `json:",omitzero"`
	Files string `json:",omitzero"`
}

// String implements Proof.
func (a Analysis) String() string {
	if a.Code == a.Files {
		return "istioctl analyze finds " + orNothing(a.Code) + ", on the cluster and in the files alone"
	}
	return fmt.Sprintf("istioctl analyze finds %s on the cluster, and %s in the files alone",
		orNothing(a.Code), orNothing(a.Files))
}

func orNothing(code string) string {
	if code == "" {
		return "nothing"
	}
	return code
}

func (Analysis) kind() string { return reports.KindAnalysis }

func (Analysis) check(Scenario, map[string]bool) error { return nil }

func (a Analysis) look(ctx context.Context, at moment) (saw, wrong string, err error) {
	live, err := at.env.Proxies.Analyze(ctx, at.scenario.home())
	if err != nil {
		return "", "", err
	}
	state, err := at.scenario.state(at.phase)
	if err != nil {
		return "", "", err
	}
	files, err := at.env.Proxies.AnalyzeFiles(ctx, at.scenario.home(), state.objects)
	if err != nil {
		return "", "", err
	}
	saw = codes(live)
	if inFiles := codes(files); inFiles != saw {
		saw = fmt.Sprintf("%s on the cluster, %s in the files", saw, inFiles)
	}
	var whys []string
	for _, side := range []struct {
		where, want string
		found       []environment.Finding
	}{{"on the cluster", a.Code, live}, {"in the files", a.Files, files}} {
		for _, f := range side.found {
			at.find(fmt.Sprintf("istioctl analyze, %s: %s %s", side.where, f.Code, f.Text))
		}
		if why := unlike(side.want, side.found); why != "" {
			whys = append(whys, side.where+": "+why)
		}
	}
	return saw, strings.Join(whys, "; "), nil
}

// codes lists the codes of what was found, each once.
func codes(found []environment.Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, f.Code)
	}
	slices.Sort(all)
	return orNothing(strings.Join(slices.Compact(all), ", "))
}

// unlike says how the findings differ from the code that is wanted. It is empty where they do not.
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

var _ = proofKind(Analysis{})
