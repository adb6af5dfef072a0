package missions

import "github.com/canarylab/canarylab/harness/training"

var canaryScaledToZero = training.Mission{
	Well: "canary at 50 %", Broken: "v2 scaled to 0",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.NoPods}},
	Hints: training.Hints{
		"The requests never leave the caller's pod: its own proxy answers them, as it has nobody to send them to.",
		"The route still has its weight. The subset's labels are right. Who should carry them?",
		"kubectl get deployments, and kubectl get pods --show-labels.",
	},
	Sees: []string{
		"kubectl get deployments (0/0) and kubectl get events (Scaled down replica set).",
		"The callers' 503 UH, and the callers' proxies: membership_healthy of the cluster of subset v2 is 0.",
		"v2's own metrics just stop, which looks like nothing to worry about.",
	},
	Wrong: []training.Try{
		routeBack, restartV2, {
			Name: "subset v2 takes the pods of v1", Apply: subsets(subset("v1", "v1"), subset("v2", "v1")),
			Want: training.Safe,
		},
	},
	Right: []training.Try{
		{Name: "v2 is scaled up", Scale: map[string]int32{"my-service-v2": 1}},
		{Name: "another deployment has the pods", Apply: deployment("my-service-canary", 2, ", release: canary", "")},
	},
}
