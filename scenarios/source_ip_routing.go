package scenarios

import (
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/loadgen"
)

// sourceIPRouting sends callers from one network to the canary, at the edge. The load agent stands in for a load balancer in front of the gateway, which
// appends the caller's address to x-forwarded-for, as all of them do; the addresses are those set aside for documentation (RFC 5737).
var sourceIPRouting = harness.Scenario{
	Name:  "source-ip-routing",
	Title: "The office's addresses get the canary at the ingress gateway, by the one address that nobody can forge",
	Story: "Three callers come through a load balancer and the gateway: one from the office's network, one from elsewhere, and one from elsewhere who writes an office address into x-forwarded-for himself. A rule that " +
		"looks for the office anywhere in the header gives the forger the canary. A rule that looks at the entry which the load balancer wrote gives it to the office and to nobody else.",
	Cause: "An HTTP route has no match for addresses or geography. What it can match is a header, and x-forwarded-for has one address for each hop, in order: whatever the caller wrote, then the caller's address as the load balancer saw it, then " +
		"the load balancer's as the gateway saw it. Only what trusted hops appended can be believed, and it is counted from the end.",
	Source: "HTTPMatchRequest in the VirtualService API has headers and no addresses (sourceLabels and sourceNamespace are for callers in the mesh); Envoy, x-forwarded-for and use_remote_address, which Istio sets on gateways",
	See: []string{
		"The gateway's access log has the whole x-forwarded-for: count from the right.",
		"curl -H 'x-forwarded-for: 203.0.113.9' through the gateway: a rule that this changes can be forged.",
		"istioctl proxy-config routes deploy/ingress -o json: the regular expression as Envoy has it.",
	},
	Fix: "Match the entry that your outermost trusted hop wrote, anchored at the end; or have that hop set a header of your own (a country, a group) and strip it from what callers send. For addresses " +
		"that are to be refused, not routed, AuthorizationPolicy has remoteIpBlocks.",
	Back:  "Taking the rule out is one write, at the gateway.",
	Files: files,
	Load: loadgen.Plan{
		URL: "http://my-service/",
		Cohorts: []loadgen.Cohort{
			{Name: "office", Rate: 200, Entry: loadgen.Gateway, Header: map[string]string{"Host": "my-service.example.com", "X-Forwarded-For": "203.0.113.9"}},
			{Name: "elsewhere", Rate: 200, Entry: loadgen.Gateway, Header: map[string]string{"Host": "my-service.example.com", "X-Forwarded-For": "198.51.100.7"}},
			{Name: "forger", Rate: 200, Entry: loadgen.Gateway, Header: map[string]string{"Host": "my-service.example.com", "X-Forwarded-For": "203.0.113.9, 198.51.100.7"}},
		},
	},
	Canary:       "v2",
	CanaryCohort: "office",
	Phases: []harness.Phase{{
		Name:   "baseline",
		Do:     harness.Apply("1-baseline.yaml"),
		Expect: []expect.Expectation{expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors()},
	}, {
		Name:   "office anywhere",
		Do:     harness.Apply("2-naive.yaml"),
		Breaks: true,
		Expect: []expect.Expectation{
			expect.Share("v2", 100).Of("office"), expect.Share("v1", 100).Of("elsewhere"), expect.Share("v2", 100).Of("forger"), expect.NoErrors(),
		},
	}, {
		Name:  "office by the trusted hop",
		Do:    harness.Apply("3-trusted-hop.yaml"),
		Fixes: true,
		Expect: []expect.Expectation{
			expect.Share("v2", 100).Of("office"), expect.Share("v1", 100).Of("elsewhere"), expect.Share("v1", 100).Of("forger"), expect.NoErrors(),
		},
	}, {
		Name: "rollback",
		Do:   harness.Rollback{By: harness.Revert("1-baseline.yaml")},
		Expect: []expect.Expectation{
			expect.RecoveredWithin(5 * time.Second), expect.Share("v1", 100), expect.Untouched("v2"), expect.NoErrors(),
		},
	}},
}
