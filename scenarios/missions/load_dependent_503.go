package missions

import (
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/analysis"
)

var loadDependent503 = training.Mission{
	Well: "all on v2", Broken: "big bang",
	Diagnosis: training.Diagnosis{
		Hops: []analysis.Hop{analysis.AppHop}, Causes: []training.Cause{training.Overload},
	},
	Hints: training.Hints{
		"The proxies pass the errors on: the app of v2 itself answers some of its requests with them, and others well.",
		"It refuses what is more than it can do at once. Requests under way are rate times latency (Little's law).",
		"kubectl get deployment my-service-v2 -o yaml: its arguments and its replicas; 400 requests a second " +
			"take 100 ms.",
	},
	Sees: []string{
		"503 without a flag, via_upstream, in the logs of the callers' proxies and of v2's.",
		"No probe: the pod is ready all the time.",
	},
	Wrong: []training.Try{
		routeBack, restartV2, {
			Name: "half of the requests go to v1", Apply: route(weights(50, 50)),
		}, {
			Name: "failed requests are sent again",
			Apply: route("{retries: {attempts: 2, retryOn: '5xx'}, " +
				"route: [{destination: {host: my-service, subset: v2}}]}"),
		},
	},
	Right: []training.Try{
		{Name: "v2 gets four pods", Scale: map[string]int32{"my-service-v2": 4}},
		{Name: "v2 gets no limit", Apply: deployment("my-service-v2", 1, "", ", --latency=100ms")},
	},
}
