// Package scenarios is the catalogue: canary stories that Istio lets happen, each as one literal and a folder
// of plain YAML.
package scenarios

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// files holds every scenario's manifests.
//
//go:embed */*.yaml */gateway-api/*.yaml
var files embed.FS

// The lists of a phase, as scenarios write them.
type (
	claims = []expect.Expectation
	proofs = []harness.Proof
)

// everyone is a load of callers who all look alike, at a rate a second.
func everyone(rate int) loadgen.Plan {
	return loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: rate}}}
}

// shoppers is a load of virtual users, each with a number in a cookie, at a rate a second of all of them.
func shoppers(rate, users int) loadgen.Plan {
	return loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{{
		Name: "shoppers", Rate: rate, Users: users, Header: map[string]string{"cookie": "theme=dark; user={user}"},
	}}}
}

// routeWithin is how soon a rollback by the route is to be effective. Some hundred of them took 0.06 to 0.16 s, most of
// it istiod's wait for more changes (PILOT_DEBOUNCE_AFTER, 0.1 s); one that takes ten times as long fails.
const routeWithin = time.Second

// withAndWithoutSidecar is a load of two callers. Each request has a connection of its own, as kube-proxy deals
// out connections and not requests. The rates are lower than in other stories, because each request also takes
// a look-up and a connection, of two load agents: at 250 and 100 a second a third of the runs on two slow cores
// were void.
var withAndWithoutSidecar = loadgen.Plan{
	URL: "http://my-service/", FreshConnections: true,
	Cohorts: []loadgen.Cohort{
		{Name: "with-sidecar", Rate: 150},
		{Name: "without-sidecar", Rate: 60, Entry: loadgen.Plain},
	},
}

// All returns the catalogue, in the order in which it is best read and played: the rollout that works first.
func All() []harness.Scenario {
	return []harness.Scenario{
		weightedRollout,
		headerRouting,
		missingDefaultRoute,
		abClientID,
		matchOrderShadowed,
		duplicateVirtualservices,
		gatewayMeshMismatch,
		consumerRouteWins,
		httprouteAndVirtualService,
		sourceIPRouting,
		labelMismatch,
		subsetUndefined,
		applyOrder,
		subsetRemovedInUse,
		decommissionTooEarly,
		loadDependent503,
		timeoutSlowCanary,
		canary5xxRollback,
		retriesMaskCanary,
		faultInjectionBypassesPolicy,
		metricGatedRollout,
		grpcCanary,
		canaryScaledToZero,
		canaryRateLimit,
		circuitBreakerOverflow,
		mirrorHurts,
		outlierSinglePod,
		clientWithoutSidecar,
		grpcConnectionSticks,
		tcpWeights,
		canaryWithoutSidecar,
		mtlsStrictCanary,
		serviceInsteadOfVirtualService,
		stickyVsWeights,
		cookieCanary,
		rollbackMethods,
		istiodDownRollback,
		rollbackInAFleet,
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
		const want = "no label %q (there are: %s, %s, and -%[3]s for all others)"
		return nil, fmt.Errorf(want, label, harness.Core, harness.Slow)
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
