package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// tcpWeights has callers who speak no HTTP: some connect for each question, as a script does, and some keep their
// connections, as the pool of a database's client does. A weight is drawn once for each connection.
//
// A pool's connection is reported when it ends, so that no claim of a phase can wait for it. Those about the pool are
// about the connections that are open at a moment.
var tcpWeights = harness.Scenario{
	Name: "tcp-weights",
	Title: "Weights of TCP routes are for new connections: after a rollback the pool's stay on the canary, until the " +
		"caller's proxy cuts all of them after 45 s",
	Labels: []string{harness.Slow},
	Story: "Some callers connect for each question, others keep a pool of connections and ask on them every now and " +
		"then. v2 gets half: of the new connections at once, of the pool only as it fills anew. Then the route is " +
		"rolled back. From that moment no new connection reaches v2, and half of the open ones still do, for 45 " +
		"seconds: then the callers' proxies cut them, and those to v1 with them, which the change did not concern. " +
		"Then a DestinationRule lets no connection live for more than 5 seconds, and so long takes a second rollback.",
	Cause: "A TCP proxy sees bytes and no requests, so that Envoy draws a subset when a connection is made and keeps " +
		"it to the end, whatever is sent on it. A TCP route is not in a list of routes of its own: it is a part of " +
		"the listener's filter chain. So each change of the weights replaces that chain. The old one takes nothing " +
		"new and drains: what it has stays where it is, and when Envoy's drain time is over (Istio's drainDuration, " +
		"45 s) it is closed, on every version. The caller sees a connection that ends for no reason of its own.",
	Source: "Envoy, TCP proxy (weighted clusters are chosen per connection) and listener updates (connections of a " +
		"replaced filter chain are closed after the drain time); istio.io, ProxyConfig drainDuration",
	See: []string{
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET clusters | grep " +
			"'80|v.|my-service.*cx_active': open connections by subset. After the rollback those to v2 stay, and " +
			"45 s later they are all gone at once.",
		"istioctl proxy-config listener deploy/load-client --port 80 -o yaml: weightedClusters, in the listener.",
		"kubectl logs deploy/load-client -c istio-proxy: a line when a connection ends that took a second or more, " +
			"with how long it was open.",
	},
	Fix: "Keep v2 up and well until its last connection is done, or end them on purpose: scale v2 to 0 once the " +
		"route is back. Bound how long a connection lives (a pool's max lifetime, or connectionPool.tcp." +
		"maxConnectionDuration of the DestinationRule), so that weights come true in that time. And expect that each " +
		"change of a TCP route costs every open connection 45 s later: a pool has to connect again by itself.",
	Back:      "By the route for new connections. Open ones stay until the drain time is over, or v2's pods end.",
	OnlyIstio: "The Gateway API's TCPRoute is in its experimental channel alone, which most clusters lack.",
	Files:     files,
	Load: loadgen.Plan{URL: "http://my-service/", Cohorts: []loadgen.Cohort{
		// Each connection is one on both hops, with a TLS handshake.
		{Name: "short", Rate: 80, TCP: &loadgen.TCP{}},
		{Name: "pool", Rate: 10, TCP: &loadgen.TCP{Hold: 5 * time.Minute, Every: 5 * time.Second}},
	}},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100).Of("short"), expect.NoErrors()},
	}, {
		Name:   "v2 gets half",
		Do:     harness.Apply("2-half.yaml"),
		Breaks: true,
		Await:  proofs{harness.Connections{Subset: "v2", Want: 120, OrMore: true}},
		Expect: claims{expect.Share("v2", 30).AtLeast().Foreseen(50).DrawnSingly().Of("short"), expect.NeverFails()},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Point:    true,
		Expect: claims{
			expect.Open("pool", "v2", 25).AtLeast(), expect.Share("v1", 100).Of("short"),
			expect.RecoveredWithin(routeWithin),
			expect.LingersFor(40 * time.Second), expect.DrainedWithin(50 * time.Second),
			expect.Cut("pool", "v2", 100), expect.Cut("pool", "v1", 90).AtLeast(), expect.NeverFails(),
		},
	}, {
		Name:   "the drain time is over",
		Await:  proofs{harness.Connections{Subset: "v2"}},
		Expect: claims{expect.Open("pool", "v2", 0), expect.Share("v1", 100).Of("short"), expect.NoErrors()},
	}, {
		Name:   "connections of 5 s",
		Do:     harness.Apply("3-bounded.yaml"),
		Fixes:  true,
		Expect: claims{expect.Share("v1", 100).Of("short"), expect.NeverFails()},
	}, {
		Name:   "v2 gets half again",
		Do:     harness.Apply("2-half.yaml"),
		Expect: claims{expect.Share("v2", 30).AtLeast().Foreseen(50).DrawnSingly().Of("short"), expect.NeverFails()},
	}, {
		Name:     "rollback again",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.DrainedWithin(10 * time.Second), expect.Share("v1", 100).Of("short"),
			expect.RecoveredWithin(routeWithin), expect.NeverFails(),
		},
	}},
}
