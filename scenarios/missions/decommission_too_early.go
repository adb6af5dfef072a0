package missions

import "github.com/canarylab/canarylab/harness/training"

// legacy matches the callers that an overlooked rule is about.
const legacy = "{headers: {x-client-id: {exact: legacy}}}"

var decommissionTooEarly = training.Mission{
	Well: "route without v1", Broken: "v1 stopped",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.NoPods}},
	Hints: training.Hints{
		"Only one group of callers is hurt: those who say who they are. Their own proxy answers them.",
		"There is a rule for this group, and it sends them to a version that is no longer there.",
		"kubectl get virtualservice my-service -o yaml | grep -n -B8 'subset: v1', and kubectl get pods --show-labels.",
	},
	Sees: []string{
		"The callers' 503 UH. By the share of all requests it is as small as the group is.",
		"Nothing of v2: it answers everything that it gets.",
	},
	Wrong: []training.Try{
		{Name: "v1 is started again", Scale: map[string]int32{"my-service-v1": 1}, Want: training.Safe},
		{Name: "subset v1 is deleted", Apply: subsets(subset("v2", "v2")), Want: training.Another},
		{Name: "everybody goes back to v1", Apply: route(weights(100, 0)), Want: training.Worse},
	},
	Right: []training.Try{
		{Name: "the rule is taken out", Apply: route(all("", "v2"))},
		{Name: "the rule sends to v2", Apply: route(all(legacy, "v2"), all("", "v2"))},
	},
}
