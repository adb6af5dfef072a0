package missions

import "github.com/canarylab/canarylab/harness/training"

var applyOrder = training.Mission{
	Well: "subset after it", Broken: "subset gone before route",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.SubsetUndefined}},
	Hints: training.Hints{
		"The requests never leave the caller's pod: its own proxy answers them, by its route alone.",
		"The route was there before and has not changed. What it sends to is there no more.",
		"istioctl proxy-config clusters deploy/load-client | grep my-service, and kubectl get destinationrule " +
			"my-service -o yaml beside the route.",
	},
	Sees: []string{
		"istioctl analyze, on the files before they are applied and on the cluster.",
		"The callers' 503 NC, and no_cluster of their listeners. v2's own metrics just stop.",
	},
	Wrong: []training.Try{
		routeBack, restartV2,
		{Name: "the DestinationRule is deleted", Delete: subsets(subset("v1", "v1")), Want: training.Worse},
		{
			Name: "a subset of another name is defined", Want: training.Broken,
			Apply: subsets(subset("v1", "v1"), subset("canary", "v2")),
		},
	},
	Right: []training.Try{
		{Name: "the subset is defined again", Apply: subsets(subset("v1", "v1"), subset("v2", "v2"))},
		{
			Name: "another subset is defined, and then the route goes there",
			Apply: subsets(subset("v1", "v1"), subset("canary", "v2")) + "---\n" +
				route("{route: ["+to("v1", 90)+", "+to("canary", 10)+"]}"),
		},
	},
}
