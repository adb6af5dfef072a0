package scenarios

import (
	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// sourceIPRouting sends callers from one network to the canary, at the edge. The load agent stands in for a
// load balancer in front of the gateway, which appends the caller's address to x-forwarded-for, as all of them
// do; the addresses are those set aside for documentation (RFC 5737).
var sourceIPRouting = harness.Scenario{
	Name: "source-ip-routing",
	Title: "At the ingress gateway callers from the office get the canary, by the one address in x-forwarded-for " +
		"that they can't forge",
	Story: "Three callers come through a load balancer and the gateway: one from the office's network, one from " +
		"elsewhere, and one from elsewhere that writes an office address into x-forwarded-for itself. (The lab's " +
		"sender plays the load balancer: the last address in the header that it sends is the one that it saw.) A " +
		"rule that accepts an office address anywhere in the header also gives the forger the canary. A rule " +
		"that looks at what the load balancer wrote gives it to the office and to nobody else.",
	Cause: "An HTTP route can't match on the caller's IP address or country. It can match on headers. In " +
		"x-forwarded-for each hop appends the address that it was called from. The forger's header arrives at " +
		"the rule as 203.0.113.9, 198.51.100.7, and the load balancer's own address: first what the caller " +
		"wrote, then the caller's real address, added by the load balancer, last the load balancer's, added by " +
		"the gateway. Trust only what your own hops appended, and count from the right: the last but one is the " +
		"caller's real address.",
	Source: "HTTPMatchRequest in the VirtualService API has headers and no addresses (sourceLabels and " +
		"sourceNamespace are for callers in the mesh); Envoy, x-forwarded-for and use_remote_address, which " +
		"Istio sets on gateways",
	See: []string{
		"A gateway's access log, where it is on, has the whole x-forwarded-for: the last but one is what the " +
			"load balancer wrote.",
		"From outside of the office, through the load balancer: curl -H 'x-forwarded-for: 203.0.113.9'. If you " +
			"get v2, the rule can be forged.",
		"istioctl proxy-config routes deploy/ingress -o json: the regular expression as Envoy has it.",
	},
	Fix: "Match only the address that your first trusted hop (here the load balancer) wrote, with a regular " +
		"expression that is tied to the end of the header by $. Or let that hop set a header of its own (a " +
		"country, a group), and remove that header from incoming requests first. In both cases nobody may be " +
		"able to reach the gateway around the load balancer. For addresses that are to be refused, not routed, " +
		"AuthorizationPolicy has remoteIpBlocks (with numTrustedProxies set on the gateway).",
	Back:  "Apply the gateway's VirtualService without the rule: one kubectl apply.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "office", Rate: 200, Entry: loadgen.Gateway, Header: from("203.0.113.9")},
			{Name: "elsewhere", Rate: 200, Entry: loadgen.Gateway, Header: from("198.51.100.7")},
			{Name: "forger", Rate: 200, Entry: loadgen.Gateway, Header: from("203.0.113.9, 198.51.100.7")},
		},
	},
	Canary:       "v2",
	CanaryCohort: "office",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: claims{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "office anywhere",
		Do:     harness.Apply("2-naive.yaml"),
		Breaks: true,
		Prove:  proofs{harness.Analysis{}},
		Expect: claims{
			expect.Share("v2", 100).Of("forger"), expect.Share("v2", 100).Of("office"),
			expect.Share("v1", 100).Of("elsewhere"), expect.ReachAtMost("v2", 0).Of("elsewhere"), expect.NeverFails(),
		},
	}, {
		Name:  "office by the trusted hop",
		Do:    harness.Apply("3-trusted-hop.yaml"),
		Fixes: true,
		Expect: claims{
			expect.Share("v2", 100).Of("office"), expect.Share("v1", 100).Of("elsewhere"),
			expect.Share("v1", 100).Of("forger"), expect.ReachAtMost("v2", 0).Of("elsewhere"), expect.NeverFails(),
		},
	}, {
		Name:     "rollback",
		Do:       harness.Revert("1-baseline.yaml"),
		Rollback: true,
		Expect: claims{
			expect.RecoveredWithin(routeWithin), expect.ReachAtMost("v2", 200).Of("office"), // as in a second
			expect.Share("v1", 100), expect.Untouched("v2"), expect.NeverFails(),
		},
	}},
}

// from returns the headers of a request that comes through the gateway from an address, by its X-Forwarded-For.
func from(address string) map[string]string {
	return map[string]string{"Host": "my-service.example.com", "X-Forwarded-For": address}
}
