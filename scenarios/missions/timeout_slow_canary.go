package missions

import (
	"strings"

	"github.com/canarylab/canarylab/harness/training"
)

// within gives a rule a timeout, and whatever else a rule may have.
func within(rule, also string) string { return strings.Replace(rule, "{", "{"+also+", ", 1) }

var timeoutSlowCanary = training.Mission{
	Well: "canary at 50 % again", Broken: "canary at 50 %",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.Timeout}},
	Hints: training.Hints{
		"The caller's proxy gives requests up that v2 is working on. v2 has no error of its own.",
		"It waits for so long and no longer. Some of v2's answers take more than that, and none of v1's.",
		"kubectl get virtualservice my-service -o yaml: timeout; and the arguments of deployment my-service-v2.",
	},
	Sees: []string{
		"The callers' 504 UT, and upstream_rq_timeout of the callers' proxies.",
		"Of v2 the slow end of its answers' times, as p99. Its own errors are none: its proxy counts status 0.",
	},
	Wrong: []training.Try{
		routeBack, restartV2, {
			Name: "what fails is sent again, within the same time", Want: training.Broken,
			Apply: route(within(weights(50, 50), "timeout: 0.3s, retries: {attempts: 3, retryOn: '5xx'}")),
		}, {
			Name: "v2 gets three pods", Scale: map[string]int32{"my-service-v2": 3}, Want: training.Broken,
		},
	},
	Right: []training.Try{
		{Name: "the timeout fits both", Apply: route(within(weights(50, 50), "timeout: 5s"))},
		{Name: "v2 is made quick", Apply: deployment("my-service-v2", 1, "", "")},
	},
}
