package missions

import (
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/analysis"
)

var clientWithoutSidecar = training.Mission{
	Well: "baseline", Broken: "v2 deployed with weight 0",
	Diagnosis: training.Diagnosis{
		Hops: []analysis.Hop{analysis.CallerHop}, Flags: noFlag, Causes: []training.Cause{training.NoProxy},
	},
	Hints: training.Hints{
		"No request fails. Callers with a sidecar get what the route says. Those without get a version that has no " +
			"weight: nothing of Istio is between them and the pods.",
		"A route is for the callers' proxies. Who has none connects to the Service, and gets any ready pod that it " +
			"selects.",
		"kubectl get service my-service -o jsonpath='{.spec.selector}', beside kubectl get pods --show-labels.",
	},
	Sees: []string{
		"v2's own counters, and the log of its sidecar: requests come, and no route sends any.",
		"No metric of the callers' proxies: these callers have none. Nothing of istioctl analyze.",
	},
	Wrong: []training.Try{
		{Name: "the route names v1 alone", Apply: route(all("", "v1")), Want: training.Broken},
		restartV2,
		{Name: "v1 gets three pods", Scale: map[string]int32{"my-service-v1": 3}, Want: training.Broken},
		{Name: "the Service selects v2", Apply: service("my-service", ", version: v2"), Want: training.Worse},
	},
	Right: []training.Try{
		{Name: "v2 is scaled to 0", Scale: map[string]int32{"my-service-v2": 0}},
		{Name: "the Service selects v1", Apply: service("my-service", ", version: v1")},
	},
}
