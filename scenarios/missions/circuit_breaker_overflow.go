package missions

import "github.com/canarylab/canarylab/harness/training"

// pooled is subset v2 with a connection pool.
func pooled(connections, pending, requests string) string {
	return "{name: v2, labels: {version: v2}, trafficPolicy: {connectionPool: {tcp: {maxConnections: " + connections +
		"}, http: {http1MaxPendingRequests: " + pending + ", http2MaxRequests: " + requests + "}}}}"
}

var circuitBreakerOverflow = training.Mission{
	Well: "canary at 20 % again", Broken: "breaker of one",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.SmallPool}},
	Hints: training.Hints{
		"v2 never hears of the requests that fail, and not all of its share fails: the caller's proxy refuses some.",
		"Somebody limited how many requests may be under way to v2 at once, in each caller's proxy for itself.",
		"kubectl get destinationrule my-service -o yaml: the traffic policy of subset v2. It gets 100 requests " +
			"a second, of 50 ms each.",
	},
	Sees: []string{
		"The callers' 503 UO, and upstream_rq_pending_overflow of the callers' proxies.",
		"Nothing of v2: it is well and has little to do.",
	},
	Wrong: []training.Try{
		routeBack, restartV2,
		{Name: "v2 gets three pods", Scale: map[string]int32{"my-service-v2": 3}, Want: training.Broken},
	},
	Right: []training.Try{
		{Name: "the pool is taken out", Apply: subsets(subset("v1", "v1"), subset("v2", "v2"))},
		{Name: "the pool is made to fit", Apply: subsets(subset("v1", "v1"), pooled("50", "50", "100"))},
	},
}
