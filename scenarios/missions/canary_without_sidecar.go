package missions

import "github.com/canarylab/canarylab/harness/training"

// injected is the namespace with the label for sidecars.
const injected = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {istio-injection: enabled, " +
	"app.kubernetes.io/managed-by: canarylab}\n"

var canaryWithoutSidecar = training.Mission{
	Well: "canary at 10 % again", Broken: "mutual TLS asked for",
	Diagnosis: training.Diagnosis{Hops: atClientProxy, Causes: []training.Cause{training.NoSidecar}},
	Hints: training.Hints{
		"The caller's proxy tries to reach v2's pod, again and again, and can't make itself understood.",
		"It speaks TLS to somebody who does not. Who would speak it in an app's place? Look at how many containers " +
			"pods have.",
		"kubectl get pods -l app=my-service (READY), kubectl get namespace shop --show-labels, and tls in the " +
			"DestinationRule.",
	},
	Sees: []string{
		"The callers' 503 UF,URX with a TLS error, and ssl.connection_error of the callers' proxies.",
		"Nothing of v2's side: it has no proxy that could log.",
	},
	Wrong: []training.Try{
		routeBack, restartV2,
		{Name: "the namespace gets its label, and no pod is made", Apply: injected, Want: training.Broken},
		{Name: "v2 is scaled to 0", Scale: map[string]int32{"my-service-v2": 0}, Want: training.Another},
	},
	Right: []training.Try{
		{Name: "the namespace gets its label, and v2 new pods", Apply: injected, Restart: "my-service-v2"},
		{Name: "nobody asks for TLS", Apply: subsets(subset("v1", "v1"), subset("v2", "v2"))},
	},
}
