package scenarios

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// rollbackRepetitions is how often each rollback method is used: enough for a median and a range.
const rollbackRepetitions = 10

// rollbackMethods uses four rollback methods, each several times, under one load. Three of them are what people reach
// for when a canary goes bad; one of them is a rollback within a fraction of a second.
var rollbackMethods = harness.Scenario{
	Name:   "rollback-methods",
	Title:  "Four rollback methods, ten times each: the route, rollout undo, scaling to 0, and deleting the route",
	Labels: []string{harness.Slow},
	Story: "The canary has half of the requests (or, for rollout undo, all of them in the place of v1) and is " +
		"taken back: by writing the old route, by kubectl rollout undo, by scaling it to 0, and by deleting the " +
		"VirtualService. Each is done ten times. Each time the route is faster than each of the others. The report " +
		"has the median and the range of the time until no request gets there any more, and of what it cost.",
	Cause: "Writing the route is one push to proxies that run. Undoing a rollout makes new pods first, which " +
		"have to start and be found ready, while the old ones go on serving. Scaling to 0 takes the pods and " +
		"leaves the weight: the canary's share fails until the route changes. Deleting the VirtualService leaves " +
		"the Service, all of whose pods get requests: of two at random the one that has fewer under way (Istio's " +
		"default, LEAST_REQUEST), which makes some third of the requests for each of three pods.",
	Source: "buildSidecarVirtualHostForService in pilot/pkg/networking/core/route/route.go (what is routed " +
		"without a VirtualService), pilot/pkg/networking/core/cluster_traffic_policy.go (LEAST_REQUEST by default); " +
		"k8s.io, Deployments, rolling update",
	See: []string{
		"The table of rollbacks at the end of the report.",
		"kubectl rollout status deployment my-service-rolling: how long new pods take.",
	},
	Fix:    "Keep the old version running and write the old route. Everything else is for afterwards.",
	Back:   "This is what the story is about.",
	Files:  files,
	Load:   everyone(500),
	Canary: "v2",
	Phases: rollbackPhases(),
}

// rollbackPhases are the rollback methods, one after the other, and all of it as often as rollbackRepetitions says.
func rollbackPhases() []harness.Phase {
	all := []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.NoErrors()},
	}}
	for n := range rollbackRepetitions {
		add := func(name string, do harness.Step, claims ...expect.Expectation) {
			all = append(all, harness.Phase{
				Name: fmt.Sprintf("%s, %d", name, n+1), Do: do, Point: name == "revert", Repeat: n > 0, Expect: claims,
			})
		}
		back := func(name string, do harness.Step, claims ...expect.Expectation) {
			add(name, do, claims...)
			all[len(all)-1].Rollback = true
		}
		route := fmt.Sprintf("revert, %d", n+1)
		canary := claims{expect.Share("v2", 40).AtLeast().Foreseen(50).DrawnSingly(), expect.NoErrors()}
		add("canary", harness.Apply("2-canary.yaml"), canary...)
		back("revert", harness.Revert("1-baseline.yaml"), expect.RecoveredWithin(routeWithin),
			expect.Share("v1", 100), expect.NoErrors())
		add("canary again", harness.Apply("2-canary.yaml"), canary...)
		back("scale to 0", harness.ScaleTo{Deployment: "my-service-v2"}, expect.SlowerThan(route),
			expect.Flag(503, "UH", 40).AtLeast().Foreseen(50).DrawnSingly(), expect.OnlyErrors(503, "UH"))
		add("scale to 1", harness.ScaleTo{Deployment: "my-service-v2", Replicas: 1}, canary...)
		back("delete the route", harness.Delete("2-canary.yaml"), expect.SlowerThan(route),
			expect.Share("v2", 25).AtLeast().Foreseen(33), expect.NoErrors())
		add("v2 rolled out in place", harness.Apply("3-in-place.yaml"), expect.Share("v2", 100), expect.NoErrors())
		// New pods take some 4 s to be ready, and half a minute where the machine is busy.
		back("rollout undo", harness.Undo{Deployment: "my-service-rolling"}, expect.SlowerThan(route),
			expect.RecoveredWithin(30*time.Second), expect.Share("v1", 100), expect.NoErrors())
	}
	return all
}
