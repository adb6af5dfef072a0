package missions

import "github.com/canarylab/canarylab/harness/training"

// breaker is subset v2 with outlier detection that may take out a part of its hosts, in percent.
func breaker(most string) string {
	return "{name: v2, labels: {version: v2}, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 3, " +
		"interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: " + most + "}}}"
}

var outlierSinglePod = training.Mission{
	Well: "baseline", Broken: "breaker that may take all",
	Diagnosis: training.Diagnosis{
		Hops: atClientProxy, Causes: []training.Cause{training.Ejected, training.AppBug},
	},
	Hints: training.Hints{
		"The requests never leave the caller's pod: its own proxy answers them, and v2's pod is ready and idle.",
		"The proxy knows the pod, and has taken it out itself, after errors that came from it. It is the only one.",
		"istioctl proxy-config endpoints deploy/load-client | grep v2 (OUTLIER CHECK), kubectl get destinationrule " +
			"my-service -o yaml, and why v2 had failed: kubectl get deployment my-service-v2 -o yaml.",
	},
	Sees: []string{
		"The callers' 503 UH, and outlier_detection.ejections_active of the callers' proxies.",
		"Few 503 without a flag before them, v2's own: three in a row, from each caller's proxy, are enough.",
	},
	Wrong: []training.Try{
		routeBack, restartV2, {
			Name: "the breaker is taken out", Apply: subsets(subset("v1", "v1"), subset("v2", "v2")),
			Want: training.Another,
		}, {
			Name: "the breaker may take half, and v2 gets two pods", Apply: subsets(subset("v1", "v1"), breaker("50")),
			Scale: map[string]int32{"my-service-v2": 2},
		},
	},
	Right: []training.Try{
		{Name: "v2 runs without its fault", Apply: deployment("my-service-v2", 1, "", "")},
		{
			Name:  "another deployment takes its place",
			Apply: deployment("my-service-canary", 2, ", release: canary", ""),
			Scale: map[string]int32{"my-service-v2": 0},
		},
	},
}
