package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/sampleapp"
)

// streamsSurviveRollback has answers that take their time: a download, a long poll, a stream of events. A route
// decides where a request goes, not where it stays.
var streamsSurviveRollback = harness.Scenario{
	Name:  "streams-survive-rollback",
	Title: "Streams that the canary has begun stay on it after an instantaneous rollback, for as long as they last",
	Story: "v2 has 20 % and answers at once: a rollback is over in a fraction of a second. Then v2 streams each " +
		"answer for three seconds, and keeps each WebSocket open as long. The rollback is as quick for new " +
		"requests, and v2 goes on with the streams and sockets that it has until each is at its end: seen over " +
		"all requests first, then over the sockets alone. With streams of 0.2 seconds v2 is soon left alone.",
	Cause: "Envoy chooses a route once for each request, when its headers are there. A new route concerns " +
		"requests that come after it; one that has begun is not moved and not cut, not even when its subset is " +
		"taken out of the configuration. So a rollback has two times: until the last request is sent there, and " +
		"until the last one is done.",
	Source: "Envoy, HTTP routing (the route is chosen once per request) and envoyproxy/envoy issue 7004",
	See: []string{
		"kubectl exec deploy/load-client -c istio-proxy -- pilot-agent request GET clusters | grep " +
			"'v2.*rq_active': what is still under way on v2. After the rollback of streams or of sockets it is " +
			"above 0, and 0 some 3 seconds later.",
		"kubectl logs deploy/my-service-v2 -c istio-proxy: sockets, and what took a second or more. A line comes " +
			"when its request ends, so that lines go on after the rollback.",
	},
	Fix: "Bound how long a stream may last (in the app, or by a timeout of the route, which cuts what lasts " +
		"longer), and take both times into account: v2 must stay up and well until its last request is done. A " +
		"pod that is deleted cuts what it still has when its time to shut down is over.",
	Back:  "By the route for new requests; by patience for those under way.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		// A socket takes a connection of its own on both hops, with a TLS handshake and messages: several times the
		// processor time of a request. So they are few.
		Cohorts: []loadgen.Cohort{{Name: "everyone", Rate: 240}, {Name: "sockets", Rate: 60, Socket: true}},
	},
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}, {
		Name:   "canary at 20 %",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 20), expect.NeverFails()},
	}, {
		Name:     "rollback of quick answers",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		// A rollback of 1 s at most, of 20 % of 300 requests a second, sends v2 60 more.
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.DrainedWithin(1500 * time.Millisecond),
			expect.ReachAtMost("v2", 60), expect.Share("v1", 100), expect.NeverFails(),
		},
	}, {
		Name:   "streams of 3 s",
		Do:     harness.Inject{Version: "v2", Faults: sampleapp.Faults{Stream: 3 * time.Second}},
		Breaks: true,
		Expect: claims{expect.NoErrors()},
	}, {
		Name:   "canary at 20 % with streams",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 20), expect.NeverFails()},
	}, {
		Name:     "rollback of streams",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Point:    true,
		Expect: claims{
			expect.LingersFor(2 * time.Second), expect.RecoveredWithin(routeWithin),
			expect.ReachAtMost("v2", 60), expect.Share("v1", 100), expect.NeverFails(),
		},
	}, {
		Name: "canary at 20 % with sockets",
		Do:   harness.Apply("2-canary.yaml"),
		// No errors among the sockets takes twice as many of them as their share does: at 20 % that one is then
		// all but certain.
		Expect: claims{
			expect.Share("v2", 12).AtLeast().Foreseen(20).DrawnSingly().Of("sockets"),
			expect.Status(101, 100).Of("sockets"),
			expect.NoErrors().Of("sockets"), expect.NeverFails(),
		},
	}, {
		Name:     "rollback of sockets",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Cohort:   "sockets",
		// Of sockets alone, some 12 a second on v2, the end can't be timed to a second. All requests of these callers
		// pass the same proxy, and the other rollbacks time that.
		Expect: claims{
			expect.LingersFor(2 * time.Second), expect.ReachAtMost("v2", 60), expect.Share("v1", 100),
			expect.NeverFails(),
		},
	}, {
		Name:   "streams of 0.2 s",
		Do:     harness.Inject{Version: "v2", Faults: sampleapp.Faults{Stream: 200 * time.Millisecond}},
		Fixes:  true,
		Expect: claims{expect.NoErrors()},
	}, {
		Name:   "canary at 20 % with short streams",
		Do:     harness.Apply("2-canary.yaml"),
		Expect: claims{expect.Share("v2", 20), expect.NeverFails()},
	}, {
		Name:     "rollback of short streams",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.DrainedWithin(1500 * time.Millisecond),
			expect.ReachAtMost("v2", 60), expect.Share("v1", 100), expect.NeverFails(),
		},
	}},
}
