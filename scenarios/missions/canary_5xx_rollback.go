package missions

import (
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/analysis"
)

var canary5xxRollback = training.Mission{
	Well: "canary at 5 %", Broken: "v2 fails",
	// v2 has 5 %, and fails 30 % of it.
	Hurts: expect.Flag(500, "-", 1.5),
	Diagnosis: training.Diagnosis{
		Hops: []analysis.Hop{analysis.AppHop}, Causes: []training.Cause{training.AppBug},
	},
	Hints: training.Hints{
		"The proxies pass the errors on: the app of v2 itself answers with them.",
		"It fails the same share of its requests whatever its load is, and new pods do the same. The route is well: " +
			"it is the release.",
		"kubectl logs deploy/my-service-v2 -c istio-proxy | tail, and kubectl get deployment my-service-v2 -o yaml: " +
			"what v2 is told to do by its arguments. kubectl rollout history has the release before it.",
	},
	Sees: []string{
		"500 without a flag, via_upstream, in the logs of the callers' proxies and of v2's.",
		"v2's error rate by version, 30 %. Of all requests 1.5 % fail, which few alarms take for one.",
	},
	Wrong: []training.Try{
		routeBack, restartV2,
		{Name: "v2 gets three pods", Scale: map[string]int32{"my-service-v2": 3}, Want: training.Broken},
		{
			Name: "failed requests are sent once more",
			Apply: route("{retries: {attempts: 1, retryOn: '5xx'}, " +
				"route: [" + to("v1", 95) + ", " + to("v2", 5) + "]}"),
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
