package missions

import "github.com/canarylab/canarylab/harness/training"

// betaID and anyID match callers by their ids, betaID by the whole value.
const (
	betaID = "{headers: {x-client-id: {regex: 'beta-.+'}}}"
	anyID  = "{headers: {x-client-id: {regex: '.+'}}}"
)

// split is a rule that splits what it matches between subsets v1 and v2.
func split(match string, v1, v2 int) string {
	return "{match: [" + match + "], route: [" + to("v1", v1) + ", " + to("v2", v2) + "]}"
}

var abClientID = training.Mission{
	Well: "narrower rule first", Broken: "wider rule first",
	Diagnosis: training.Diagnosis{
		Hops: atClientProxy, Flags: noFlag, Causes: []training.Cause{training.RuleOrder, training.WideRule},
	},
	Hints: training.Hints{
		"No request fails. Callers of the beta programme get both versions, by a rule of their own proxy.",
		"Rules are tried from the top, and the first that matches decides. An id of the beta programme is an id.",
		"kubectl get virtualservice my-service -o yaml: read its rules from the top, as a caller with x-client-id: " +
			"beta-17.",
	},
	Sees: []string{
		"The versions that each group of callers gets, beside what each is to get. Of all requests together v2 has a " +
			"fifth less, which no rule of an error rate looks at.",
		"No status, no flag, and nothing of istioctl analyze.",
	},
	Wrong: []training.Try{
		routeBack, {
			Name: "the wider rule gives v2 more", Want: training.Broken,
			Apply: route(split(anyID, 25, 75), all(betaID, "v2"), all("", "v1")),
		}, {
			Name: "the narrower rule comes first, and does not match the whole value", Want: training.Broken,
			Apply: route(all("{headers: {x-client-id: {regex: beta-}}}", "v2"), split(anyID, 50, 50), all("", "v1")),
		}, {
			Name: "everybody gets v2", Apply: route(all("", "v2")), Want: training.Worse,
		},
	},
	Right: []training.Try{
		{
			Name:  "the narrower rule comes first",
			Apply: route(all(betaID, "v2"), split(anyID, 50, 50), all("", "v1")),
		},
		{
			Name: "the wider rule leaves the narrower one's callers out",
			Apply: route(split("{headers: {x-client-id: {regex: '.+'}}, "+
				"withoutHeaders: {x-client-id: {regex: 'beta-.+'}}}", 50, 50), all(betaID, "v2"), all("", "v1")),
		},
	},
}
