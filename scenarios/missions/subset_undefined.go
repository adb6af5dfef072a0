package missions

import "github.com/canarylab/canarylab/harness/training"

var subsetUndefined = training.Mission{
	Well: "canary at 10 % again", Broken: "canary at 10 %",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.SubsetUndefined}},
	Hints: training.Hints{
		"The requests never leave the caller's pod: its own proxy answers them, by its route alone.",
		"The route names something that the proxy does not have: there is no cluster of that name at all.",
		"istioctl proxy-config clusters deploy/load-client | grep my-service, and kubectl get destinationrule -o yaml.",
	},
	Sees: []string{
		"istioctl analyze on the files alone, before they are applied.",
		"The callers' 503 NC. No statistic of a cluster moves, as there is no cluster: only no_cluster of the " +
			"listener.",
	},
	Wrong: []training.Try{
		routeBack, restartV2, {
			Name: "the subset is defined by a label that no pod has", Want: training.Another,
			Apply: subsets(subset("v1", "v1"), subset("v2", "v2.0")),
		}, {
			Name: "the route is deleted, and the Service deals out", Delete: route(weights(100, 0)),
			Want: training.Safe,
		},
	},
	Right: []training.Try{
		{Name: "the subset is defined", Apply: subsets(subset("v1", "v1"), subset("v2", "v2"))},
		{
			Name: "v2 gets a Service of its own, and the route goes there",
			Apply: service("my-service-v2", ", version: v2") + "---\n" +
				route("{route: ["+to("v1", 90)+", {destination: {host: my-service-v2}, weight: 10}]}"),
		},
	},
}
