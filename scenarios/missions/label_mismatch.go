package missions

import "github.com/canarylab/canarylab/harness/training"

var labelMismatch = training.Mission{
	Well: "canary at 10 % again", Broken: "canary at 10 %",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.LabelsMatchNoPod}},
	Hints: training.Hints{
		"The requests never leave the caller's pod: its own proxy answers them. Look at what that proxy knows of v2.",
		"The proxy has a cluster for subset v2, and no endpoint in it. A subset is a question about labels.",
		"Compare kubectl get pods --show-labels with kubectl get destinationrule my-service -o yaml.",
	},
	Sees: []string{
		"The callers' 503 UH, and the callers' proxies: membership_healthy of the cluster of subset v2 is 0.",
		"Nothing of v2's own: its pods are ready, and no request reaches them.",
	},
	Wrong: []training.Try{
		routeBack, restartV2, {
			Name: "the DestinationRule is deleted", Delete: subsets(subset("v1", "v1")), Want: training.Worse,
		}, {
			Name: "subset v2 takes the pods of v1", Apply: subsets(subset("v1", "v1"), subset("v2", "v1")),
			Want: training.Safe,
		},
	},
	Right: []training.Try{
		{
			Name:  "the subset asks for the label that the pods have",
			Apply: subsets(subset("v1", "v1"), subset("v2", "v2")),
		}, {
			Name: "the route goes to another subset, which has the pods",
			Apply: subsets(subset("v1", "v1"), subset("canary", "v2")) + "---\n" +
				route("{route: ["+to("v1", 90)+", "+to("canary", 10)+"]}"),
		},
	},
}
