package missions

import (
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/analysis"
)

var grpcCanary = training.Mission{
	Well: "canary again", Broken: "v2 fails",
	Diagnosis: training.Diagnosis{
		Hops: []analysis.Hop{analysis.AppHop}, Flags: noFlag, Causes: []training.Cause{training.AppBug},
	},
	Hints: training.Hints{
		"Every answer is a 200, and callers complain. These are calls by gRPC: how a call ended is not in its HTTP " +
			"status.",
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET " +
			"'stats?filter=outbound.80.*;.grpc': " +
			"which subset has grpc.failure, and of which status?",
		"The proxies pass the answers on: the app of v2 makes them, whatever its load is. kubectl get deployment " +
			"my-service-v2 -o yaml: what v2 is told to do by its arguments.",
	},
	Sees: []string{
		"grpc_response_status of istio_requests_total, and grpc.failure of the Envoy cluster of v2: 30 % of its calls.",
		"Nothing that counts HTTP statuses: every answer is a 200. No line in the proxies' logs.",
	},
	Wrong: []training.Try{
		routeBack, restartV2,
		{Name: "v2 gets three pods", Scale: map[string]int32{"my-service-v2": 3}, Want: training.Broken},
		{
			Name: "calls that get a 5xx are sent once more", Want: training.Broken,
			Apply: route(
				"{match: [{headers: {x-user-group: {exact: beta}}}], retries: {attempts: 1, retryOn: '5xx'}, "+
					"route: [{destination: {host: my-service, subset: v2}}]}",
				weights(90, 10)),
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
