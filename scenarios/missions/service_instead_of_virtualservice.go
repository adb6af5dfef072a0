package missions

import "github.com/canarylab/canarylab/harness/training"

var serviceInsteadOfVirtualService = training.Mission{
	Well: "Service of both versions", Broken: "Service switched to v2",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.NarrowService}},
	Hints: training.Hints{
		"Callers with a sidecar are hurt, and those without are not. So it is not the pods: it is what a sidecar " +
			"makes of them.",
		"A subset is a part of the Service's endpoints. Its pods have its labels, and are they the Service's too?",
		"kubectl get service my-service -o jsonpath='{.spec.selector}', beside the subsets and the route.",
	},
	Sees: []string{
		"The 503 UH of callers with a sidecar. Who tests from a pod without one sees nothing.",
		"Nothing of the pods, and nothing of istioctl analyze.",
	},
	Wrong: []training.Try{
		{Name: "the route goes to v2", Apply: route(all("", "v2")), Want: training.Safe},
		{Name: "v1 is restarted", Restart: "my-service-v1", Want: training.Broken},
		{Name: "the DestinationRule is deleted", Delete: subsets(subset("v1", "v1")), Want: training.Another},
	},
	Right: []training.Try{
		{Name: "the Service selects both versions", Apply: service("my-service", "")},
		{Name: "the Service selects v1 again", Apply: service("my-service", ", version: v1")},
	},
}
