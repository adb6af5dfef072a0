package missions

import (
	"fmt"

	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/analysis"
)

// spoken is subset v2 with a tls mode.
func spoken(mode string) string {
	return "{name: v2, labels: {version: v2}, trafficPolicy: {tls: {mode: " + mode + "}}}"
}

// taken is what v2 takes, by a mode.
func taken(mode string) string {
	return fmt.Sprintf("apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: my-service-v2}\n"+
		"spec: {selector: {matchLabels: {app: my-service, version: v2}}, mtls: {mode: %s}}\n", mode)
}

var mtlsStrictCanary = training.Mission{
	Well: "canary at 10 % again", Broken: "v2 is strict",
	Diagnosis: training.Diagnosis{
		Hops: []analysis.Hop{analysis.ClientHop, analysis.ServerHop}, Causes: []training.Cause{training.TLSMismatch},
	},
	Hints: training.Hints{
		"The caller's proxy reaches v2's pod, and the connection is closed before a request gets through.",
		"v2's proxy takes one kind of connection only, and the callers' proxies are told to make another kind.",
		"kubectl get peerauthentication -o yaml, and kubectl get destinationrule my-service -o yaml: both say " +
			"a mode.",
	},
	Sees: []string{
		"The callers' 503 UC with v2's address, and upstream_cx_destroy_remote_with_active_rq of their proxies.",
		"Nothing of v2's requests, as none gets there: what misses them is its rate.",
	},
	Wrong: []training.Try{
		routeBack, restartV2,
		{Name: "v2 gets three pods", Scale: map[string]int32{"my-service-v2": 3}, Want: training.Broken},
		{Name: "callers send TLS without a certificate", Apply: subsets(subset("v1", "v1"), spoken("SIMPLE"))},
	},
	Right: []training.Try{
		{Name: "the rule has no tls mode", Apply: subsets(subset("v1", "v1"), subset("v2", "v2"))},
		{Name: "v2 takes both", Apply: taken("PERMISSIVE")},
	},
}
