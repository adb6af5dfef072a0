package missions

import "github.com/canarylab/canarylab/harness/training"

// shopPath and checkoutPath match callers by their paths.
const (
	shopPath     = "{uri: {prefix: /shop}}"
	checkoutPath = "{uri: {exact: /shop/checkout}}"
)

var matchOrderShadowed = training.Mission{
	Well: "exact path first", Broken: "prefix first",
	Diagnosis: training.Diagnosis{
		Hops: atClientProxy, Flags: noFlag, Causes: []training.Cause{training.RuleOrder, training.WideRule},
	},
	Hints: training.Hints{
		"No request fails. Callers who are to get v1 alone get v2 at times, by a rule of their own proxy.",
		"There is a rule for these callers, and it is never met: another one takes their requests before it is " +
			"tried.",
		"kubectl get virtualservice my-service -o yaml: read its rules from the top, as a request for " +
			"/shop/checkout.",
	},
	Sees: []string{
		"The versions that each path gets. Metrics of Istio's have no path, and the split of all requests together " +
			"looks like a canary with twice its share.",
		"No status, no flag, and nothing of istioctl analyze.",
	},
	Wrong: []training.Try{
		routeBack, {
			Name: "the wider rule gives v2 less", Want: training.Broken,
			Apply: route(split(shopPath, 90, 10), all(checkoutPath, "v1"), all("", "v1")),
		}, {
			Name: "the narrower rule comes first, and matches another path", Want: training.Broken,
			Apply: route(all("{uri: {exact: /checkout}}", "v1"), split(shopPath, 80, 20), all("", "v1")),
		}, {
			Name: "everybody gets v2", Apply: route(all("", "v2")), Want: training.Worse,
		},
	},
	Right: []training.Try{
		{
			Name:  "the exact path comes first",
			Apply: route(all(checkoutPath, "v1"), split(shopPath, 80, 20), all("", "v1")),
		},
		{
			Name:  "the wider rule matches the shop's own page alone",
			Apply: route(split("{uri: {exact: /shop}}", 80, 20), all("", "v1")),
		},
	},
}
