package missions

import (
	"strings"

	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/analysis"
)

// fromOffice matches what the load balancer wrote: the last address but one.
const fromOffice = `{x-forwarded-for: {regex: '^(.*, *)?203\.0\.113\.[0-9]+, *[^,]+$'}}`

// edge is the gateway's VirtualService with some rules.
func edge(rules ...string) string {
	return strings.Replace(route(rules...), "hosts: [my-service]",
		"hosts: [my-service.example.com], gateways: [ingress]", 1)
}

var sourceIPRouting = training.Mission{
	Well: "office by the trusted hop", Broken: "office anywhere",
	Diagnosis: training.Diagnosis{
		Hops: []analysis.Hop{analysis.GateHop}, Flags: noFlag, Causes: []training.Cause{training.WideRule},
	},
	Hints: training.Hints{
		"No request fails. Callers who are not from the office get what is the office's, by a rule of the gateway.",
		"The rule looks for an address in a header. Each hop appends one to it, and what stands in front anybody can " +
			"write.",
		"kubectl get virtualservice my-service -o yaml: the expression for x-forwarded-for. A caller's own words, " +
			"203.0.113.9, arrive as 203.0.113.9, 198.51.100.7, and the load balancer's address.",
	},
	Sees: []string{
		"A gateway's access log that has the whole x-forwarded-for, beside the version that answered.",
		"No status, no flag, and nothing of istioctl analyze. A test from the office sees nothing either.",
	},
	Wrong: []training.Try{
		{Name: "the gateway's route goes back to v1", Apply: edge(all("", "v1")), Want: training.Safe},
		{
			Name: "the header has to begin with the office", Want: training.Broken,
			Apply: edge(all(`{headers: {x-forwarded-for: {regex: '^203\.0\.113\..*'}}}`, "v2"), all("", "v1")),
		}, {
			Name: "the header has to be an address of the office", Want: training.Safe,
			Apply: edge(all("{headers: {x-forwarded-for: {exact: 203.0.113.9}}}", "v2"), all("", "v1")),
		},
		{Name: "everybody gets v2", Apply: edge(all("", "v2")), Want: training.Worse},
	},
	Right: []training.Try{
		{
			Name:  "the trusted address has to be the office's",
			Apply: edge(all("{headers: "+fromOffice+"}", "v2"), all("", "v1")),
		}, {
			Name:  "a first rule for whoever is not from the office",
			Apply: edge(all("{withoutHeaders: "+fromOffice+"}", "v1"), all("", "v2")),
		},
	},
}
