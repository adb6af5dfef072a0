package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// cookieCanary splits users by a number in their cookie, and promotes the canary to more of them: once by a set of
// numbers that has none of those before, and once by one that grows.
var cookieCanary = harness.Scenario{
	Name: "cookie-canary",
	Title: "Users keep their version by a rule on their cookie; a promotion from 10 to 30 % takes the canary " +
		"from whoever had it, unless the new rule matches them too",
	Story: "A tenth of the users gets v2: those whose number, in their cookie, ends with 0. Nobody flips. The " +
		"canary is promoted to three tenths, by a rule for the digits 1, 2 and 3. The share is right, and a " +
		"tenth of the users has lost v2 by it. After a rollback, which moves the canary's users alone, it is " +
		"done again with the digits 0, 1 and 2: a fifth of the users joins, and none leaves.",
	Cause: "A rule on a cookie decides by the user, so that every request of a user gets the same version as " +
		"long as the rule stays. With another rule only the users in both sets stay. 10 % and 30 % say how " +
		"many there are, and not who: two sets of users with no one in common have these shares as well. What " +
		"the first ones began with v2, in a session or in a form of its data, v1 has to go on with.",
	Source: "translateHeaderMatch in pilot/pkg/networking/core/route/route.go (a regular expression has to " +
		"match the whole header, RE2); the cookie is one header with all cookies in it",
	See: []string{
		"for i in $(seq 0 9); do curl -si -b \"theme=dark; user=$i\" my-service/ | grep -i x-app-version; " +
			"done, before and after: who has v2.",
		"kubectl get virtualservice my-service -o yaml: the expression for cookie, beside the one of before.",
		"No metric of Istio's: the shares are right.",
	},
	Fix: "Let a set of users grow: each promotion matches those of before and more, such as the digits 0, then " +
		"0 to 2, then all. Try the rule with one user of each set before you trust it.",
	Back: "Apply a VirtualService that sends everything to v1: one kubectl apply. It moves all users of the " +
		"canary, and nobody else.",
	Files:  files,
	Load:   shoppers(500, 1000),
	Canary: "v2",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.Flips("shoppers", 1000, 0)},
	}, {
		Name: "canary for 10 % of the users",
		Do:   harness.Apply("2-canary.yaml"),
		Expect: claims{
			expect.Moves("shoppers", 1000, "v1", "v2", 10), expect.Flips("shoppers", 1000, 0), expect.Share("v2", 10),
			expect.NeverFails(),
		},
	}, {
		Name:   "30 %, and others",
		Do:     harness.Apply("3-other-users.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{
			expect.Moves("shoppers", 1000, "v2", "v1", 10), expect.Moves("shoppers", 1000, "v1", "v2", 30),
			expect.Share("v2", 30), expect.Flips("shoppers", 1000, 0), expect.NeverFails(),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.Moves("shoppers", 1000, "v2", "v1", 30),
			expect.Moves("shoppers", 1000, "v1", "v2", 0), expect.Share("v1", 100), expect.NeverFails(),
		},
	}, {
		Name:   "canary for 10 % of the users again",
		Do:     harness.Apply("2-canary.yaml"),
		Repeat: true,
		Expect: claims{expect.Moves("shoppers", 1000, "v1", "v2", 10), expect.Share("v2", 10), expect.NeverFails()},
	}, {
		Name:  "30 %, and those of before among them",
		Do:    harness.Apply("4-more-users.yaml"),
		Fixes: true,
		Expect: claims{
			expect.Moves("shoppers", 1000, "v1", "v2", 20), expect.Moves("shoppers", 1000, "v2", "v1", 0),
			expect.Share("v2", 30), expect.Flips("shoppers", 1000, 0), expect.NeverFails(),
		},
	}},
}
