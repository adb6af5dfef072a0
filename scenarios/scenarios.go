// Package scenarios is the catalogue: canary stories that Istio lets happen, each as one literal and a folder
// of plain YAML.
package scenarios

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/canarylab/canarylab/harness"
)

// files holds every scenario's manifests.
//
//go:embed */*.yaml
var files embed.FS

// All returns the catalogue, in the order in which it is best read and played: the rollout that works first.
func All() []harness.Scenario {
	return []harness.Scenario{
		weightedRollout,
		headerRouting,
		missingDefaultRoute,
		abClientID,
		sourceIPRouting,
		labelMismatch,
		subsetUndefined,
		applyOrder,
		decommissionTooEarly,
		loadDependent503,
		canary5xxRollback,
		metricGatedRollout,
		canaryScaledToZero,
		canaryRateLimit,
		circuitBreakerOverflow,
		outlierSinglePod,
		clientWithoutSidecar,
		canaryWithoutSidecar,
		serviceInsteadOfVirtualService,
		rollbackMethods,
		istiodDownRollback,
		streamsSurviveRollback,
	}
}

// Labeled returns the scenarios with a label, in the same order; with a minus before it, such as "-slow", those
// without; for an empty one all. The error names the labels that there are.
func Labeled(label string) ([]harness.Scenario, error) {
	all := All()
	if label == "" {
		return all, nil
	}
	name, without := strings.CutPrefix(label, "-")
	if name != harness.Core && name != harness.Slow {
		return nil, fmt.Errorf("no label %q (there are: %s, %s, and -%[3]s for all others)", label, harness.Core,
			harness.Slow)
	}
	return slices.DeleteFunc(all, func(s harness.Scenario) bool {
		return slices.Contains(s.Labels, name) == without
	}), nil
}

// Find returns the scenario of that name. For an unknown name the error suggests the nearest and lists all.
func Find(name string) (harness.Scenario, error) {
	var names []string
	nearest, distance := "", len(name)
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
		if d := levenshtein.ComputeDistance(strings.ToLower(name), s.Name); d < distance || nearest == "" {
			nearest, distance = s.Name, d
		}
	}
	hint := ""
	// More than a third of the letters wrong is another word, not a slip.
	if 3*distance <= len(nearest) {
		hint = fmt.Sprintf(": did you mean %s?", nearest)
	}
	return harness.Scenario{}, fmt.Errorf("no scenario %q%s (there are: %s)", name, hint, strings.Join(names, ", "))
}
