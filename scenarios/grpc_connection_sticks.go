package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// grpcConnectionSticks has two callers by gRPC, each with one connection that it keeps, as a client library does. What
// is dealt out to the pods are calls where there is a sidecar, and connections where there is none.
//
// Only v1 is there when the connections are made, and only v2 when one is made again: nothing is left to chance.
var grpcConnectionSticks = harness.Scenario{
	Name: "grpc-connection-sticks",
	Title: "A gRPC caller without a sidecar stays on the pod of its one connection: first the canary never comes, " +
		"then the rollback",
	Story: "Two callers call my-service by gRPC, each on one connection: one has a sidecar, the other has none. v2 " +
		"is deployed and gets half of the calls. The caller with a sidecar gets half from each version, on its one " +
		"connection; the other stays on v1, although the Service has two pods now. v2 is promoted: the other stays " +
		"on v1, until that is scaled to 0. Now it is on v2. v1 comes back and the route is rolled back: the caller " +
		"with a sidecar is back on v1 at once, the other stays on v2, with every call, until that is scaled to 0 too.",
	Cause: "gRPC sends all calls of a client on one HTTP/2 connection and keeps it. kube-proxy picks a pod when a " +
		"connection is made, and sees no calls: whoever has one connection has one pod, however many there are. A " +
		"sidecar ends the caller's connection in the caller's own pod and has connections of its own to every pod; " +
		"it chooses a route and a pod for each call. So a weight holds within one connection, and a new route holds " +
		"for the next call on an old one. Without a sidecar neither a canary nor a rollback moves a caller: only the " +
		"end of the connection does, and then the lots decide among the pods that are ready.",
	Source: "kube-proxy (a Service's address is translated when a connection is made); grpc.io, gRPC load balancing " +
		"(connections of HTTP/2 at a layer-4 balancer); Envoy, HTTP/2 (streams are routed one by one)",
	See: []string{
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET " +
			"'stats?filter=outbound.80.*upstream_rq_total': calls to both subsets, for one connection of the caller's.",
		"kubectl port-forward deploy/my-service-v2 8081, and localhost:8081/counters twice, after the rollback: what " +
			"v2 received goes on, and no route sends it anything.",
		"kubectl get endpointslices -l kubernetes.io/service-name=my-service: both pods are ready. What the Service " +
			"could give is not what a kept connection gets.",
	},
	Fix: "Give the caller a sidecar, or let it come through a gateway. Where that can't be: let the server end " +
		"connections after some time (MAX_CONNECTION_AGE of gRPC servers), so that callers spread anew; or resolve a " +
		"headless Service (clusterIP: None) and balance in the client (round_robin). To get such callers off a bad " +
		"version now, end its pods.",
	Back: "The route takes back those with a sidecar. For the others v2's pods have to go: scale v2 to 0, once v1 " +
		"has pods for all.",
	Files: files,
	Load: loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{
		{Name: "with-sidecar", Rate: 250, GRPC: &loadgen.GRPC{Connections: 1}},
		{Name: "without-sidecar", Rate: 100, GRPC: &loadgen.GRPC{Connections: 1}, Entry: loadgen.Plain},
	}},
	Canary:       "v2",
	CanaryCohort: "with-sidecar",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "v2 deployed",
		Do:     harness.Apply("2-v2.yaml"),
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 1}, harness.ReadyPods{Version: "v2", Want: 1}},
		Expect: claims{expect.Share("v1", 100), expect.NeverFails()},
	}, {
		Name: "v2 gets half",
		Do:   harness.Apply("3-half.yaml"),
		Expect: claims{
			expect.Share("v2", 50).Of("with-sidecar"), expect.Share("v1", 100).Of("without-sidecar"),
			expect.NeverFails(),
		},
	}, {
		Name: "promoted",
		Do:   harness.Apply("4-promoted.yaml"),
		Expect: claims{
			expect.Share("v2", 100).Of("with-sidecar"), expect.Share("v1", 100).Of("without-sidecar"),
			expect.NeverFails(),
		},
	}, {
		Name:   "v1 scaled to 0",
		Do:     harness.ScaleTo{Deployment: "my-service-v1", Replicas: 0},
		Breaks: true,
		Prove:  proofs{harness.Endpoints{Subset: "v1", Want: 0}},
		Expect: claims{expect.Share("v2", 100).Of("without-sidecar"), expect.Share("v2", 100), expect.NoErrors()},
	}, {
		Name:   "v1 is back",
		Do:     harness.ScaleTo{Deployment: "my-service-v1", Replicas: 1},
		Prove:  proofs{harness.Endpoints{Subset: "v1", Want: 1}},
		Expect: claims{expect.Share("v2", 100), expect.NeverFails()},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Point:    true,
		Expect: claims{
			expect.Share("v2", 100).Of("without-sidecar"), expect.RecoveredWithin(routeWithin),
			expect.Share("v1", 100).Of("with-sidecar"), expect.NeverFails(),
		},
	}, {
		Name:   "v2 scaled to 0",
		Do:     harness.ScaleTo{Deployment: "my-service-v2", Replicas: 0},
		Fixes:  true,
		Prove:  proofs{harness.Endpoints{Subset: "v2", Want: 0}},
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}},
}
