package missions

import "github.com/canarylab/canarylab/harness/training"

// beta matches the callers who are to get v2.
const beta = "{headers: {x-user-group: {exact: beta}}}"

var missingDefaultRoute = training.Mission{
	Well: "a last rule for all others", Broken: "beta to v2, and nobody else",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.NoDefaultRule}},
	Hints: training.Hints{
		"Only one group of callers is hurt. Their own proxy answers them, and no pod sees the requests.",
		"A VirtualService takes the place of what Istio routes by itself: what none of its rules matches has no route.",
		"kubectl get virtualservice my-service -o yaml: read its rules with the eyes of a caller without any header.",
	},
	Sees: []string{
		"The callers' 404 NR. Who counts server errors alone sees nothing: a 404 is none.",
		"Nothing of v1 or v2: the one gets no requests, the other is well.",
	},
	Wrong: []training.Try{
		{Name: "everybody gets v1", Apply: route(weights(100, 0)), Want: training.Safe},
		{Name: "v1 is restarted", Restart: "my-service-v1", Want: training.Broken},
		{
			Name: "the last rule names no subset", Want: training.Safe,
			Apply: route(all(beta, "v2"), "{route: [{destination: {host: my-service}}]}"),
		},
		{
			Name: "the last rule names a subset that is not there", Want: training.Another,
			Apply: route(all(beta, "v2"), all("", "v3")),
		},
	},
	Right: []training.Try{
		{Name: "a last rule without a match", Apply: route(all(beta, "v2"), all("", "v1"))},
		{
			Name: "a first rule for whoever is not of the group",
			Apply: route("{match: [{withoutHeaders: {x-user-group: {exact: beta}}}], "+
				"route: [{destination: {host: my-service, subset: v1}}]}", all("", "v2")),
		},
	},
}
