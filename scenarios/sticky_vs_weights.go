package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// stickyVsWeights has users who are to stay on their version, and a split by weight that deals out each request. Its
// twin splits the users.
var stickyVsWeights = harness.Scenario{
	Name: "sticky-vs-weights",
	Title: "Session affinity does not hold users on their version: by weights a third of their requests in a " +
		"row flips, by a rule on their cookie none does",
	Story: "A DestinationRule balances by the hash of the cookie user, so that users stay where they are. A " +
		"canary gets 20 % by weight. The share is right and no request fails, and users are thrown back and " +
		"forth between the versions: of two requests in a row of one user 32 % are answered by both. The " +
		"canary is taken back, and users are split by a rule on their cookie. The share is the same, and " +
		"nobody flips.",
	Cause: "consistentHash chooses among the pods of one subset. Which subset a request gets is decided before " +
		"that, by the weights, and for each request by itself: Envoy draws a number and looks at no hash. With " +
		"a share w two requests in a row are answered by different versions with probability 2w(1-w), here 2 · " +
		"0.2 · 0.8 = 32 %. Whatever the versions do not share, such as a session, a cart or the names of a " +
		"page's files, breaks for these users, and no status tells.",
	Source: "processWeightedDestination in pilot/pkg/networking/core/route/route.go adds the hash policy " +
		"beside the weights; Envoy's weighted clusters are drawn at random (envoyproxy/envoy#8167); " +
		"istio/istio#33343",
	See: []string{
		"for i in $(seq 20); do curl -si -b user=42 my-service/ | grep -i x-app-version; done: one user, both " +
			"versions.",
		"istioctl proxy-config routes deploy/load-client --name 80 -o json: weightedClusters, and hashPolicy " +
			"beside it.",
		"No metric of Istio's: they know versions and no users. It takes the app's own log, by user.",
	},
	Fix: "Split users in place of requests: a rule that matches their cookie or header, such as the last digit " +
		"of a number that they keep. Or have whoever writes the cookie say the version, once, by weights. " +
		"consistentHash then goes on to choose the pod in the version.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. It moves the canary's " +
		"users once more.",
	OnlyIstio: "The Gateway API's session persistence is in its experimental channel alone, and is no " +
		"consistent hash.",
	Files:  files,
	Load:   shoppers(500, 1000),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.Flips("shoppers", 1000, 0)},
	}, {
		Name:   "canary at 20 % by weight",
		Do:     harness.Apply("2-canary.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{
			expect.Flips("shoppers", 1000, 32), expect.Share("v2", 20), expect.Share("v1", 80), expect.NeverFails(),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.Share("v1", 100), expect.Flips("shoppers", 1000, 0),
			expect.NeverFails(),
		},
	}, {
		Name:  "canary for 20 % of the users",
		Do:    harness.Apply("3-by-user.yaml"),
		Fixes: true,
		Prove: proofs{harness.Analysis{}},
		Expect: claims{
			expect.Moves("shoppers", 1000, "v1", "v2", 20), expect.Flips("shoppers", 1000, 0), expect.Share("v2", 20),
			expect.NeverFails(),
		},
	}},
}
