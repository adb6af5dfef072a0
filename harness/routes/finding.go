package routes

import "fmt"

// A Finding is something in the objects that looks like a mistake, found without sending anything. It is a
// warning: the traffic has the last word.
type Finding struct {
	Kind FindingKind
	// Object is the object that has it, such as "VirtualService shop/reviews", and Source its place there.
	Object string
	Source Source
	// Rule is the rule concerned, as index in Table.Rules, -1 if it is none.
	Rule int
	// Text says what is wrong, and Do what to do about it: a sentence each.
	Text, Do string
}

// A FindingKind is the kind of a finding, in kebab case.
type FindingKind string

// The kinds of findings.
const (
	// Unreadable: an object of a known kind can't be read, so that nothing else is known of it.
	Unreadable FindingKind = "unreadable"
	// NotLookedAt: the package does not understand it, and it may change where requests go.
	NotLookedAt FindingKind = "not-looked-at"
	// Shadowed: an earlier rule takes every request that would meet the rule.
	Shadowed FindingKind = "shadowed"
	// WeightSum: the weights do not sum to 100, so that the shares are others than written.
	WeightSum FindingKind = "weight-sum"
	// NoDestination: the rule has nothing to do with a request.
	NoDestination FindingKind = "no-destination"
	// UnknownHost: no Service and no ServiceEntry among the objects has the host.
	UnknownHost FindingKind = "unknown-host"
	// UnknownPort: the Service has no such port.
	UnknownPort FindingKind = "unknown-port"
	// NotHTTP: the Service's port is not for HTTP by its name, so that no rule is asked there.
	NotHTTP FindingKind = "port-not-http"
	// UndefinedSubset: no DestinationRule for the host defines the subset.
	UndefinedSubset FindingKind = "undefined-subset"
	// HiddenSubset: only a DestinationRule that other namespaces do not get defines it.
	HiddenSubset FindingKind = "hidden-subset"
	// UnusedRule: no route and no Service has the host of the DestinationRule.
	UnusedRule FindingKind = "unused-destination-rule"
	// NoSuchPods: no workload among the objects carries the subset's labels.
	NoSuchPods FindingKind = "no-such-pods"
	// SharedPods: two subsets that routes lead to have pods of one workload: requests for the one reach the other.
	SharedPods FindingKind = "shared-pods"
	// PolicyPort: an AuthorizationPolicy asks for a Service's port, and pods have another.
	PolicyPort FindingKind = "policy-port"
	// DuplicateHost: two objects have rules for one host.
	DuplicateHost FindingKind = "duplicate-host"
	// Delegate: a delegate, or a part of it, is left out.
	Delegate FindingKind = "delegate"
	// GatewayNotBound: the match asks for a gateway that the VirtualService is not bound to.
	GatewayNotBound FindingKind = "gateway-not-bound"
	// UnknownGateway: no Gateway among the objects has the name.
	UnknownGateway FindingKind = "unknown-gateway"
	// HostNotAtGateway: the gateway has no server for any of the hosts.
	HostNotAtGateway FindingKind = "host-not-at-gateway"
	// NotForMesh: the host is a Service, and the rules are for gateways alone.
	NotForMesh FindingKind = "not-for-mesh"
	// OnlySomeCallers: callers that no match's labels or namespace fit get none of the rules, and no 404 either.
	OnlySomeCallers FindingKind = "only-some-callers"
	// HeaderCase: a header's name is not in lower case, as Istio asks, or a method not in upper case.
	HeaderCase FindingKind = "header-case"
	// PathSlash: a path that no request can have, because it does not begin with a slash.
	PathSlash FindingKind = "path-slash"
	// RewriteSlash: a rewrite makes a path with two slashes, or with none.
	RewriteSlash FindingKind = "rewrite-slash"
	// RegexPart: a regex looks as if it were to match a part of the value, and it has to match all of it.
	RegexPart FindingKind = "regex-part"
	// NoGrant: an HTTPRoute names a Service of another namespace without a ReferenceGrant there.
	NoGrant FindingKind = "no-reference-grant"
	// NotAttached: a Gateway's listeners take no routes of the HTTPRoute's namespace, section or port.
	NotAttached FindingKind = "not-attached"
	// FaultForNobody: a fault has no percentage, so that it is done to no request.
	FaultForNobody FindingKind = "fault-for-nobody"
)

// find adds a finding.
func (t *Table) find(kind FindingKind, o Object, at Source, rule int, text, do string) {
	t.Findings = append(t.Findings, Finding{kind, o.ref(), at, rule, text, do})
}

// findRule adds a finding about a rule.
func (t *Table) findRule(kind FindingKind, rule int, text, do string) {
	r := t.Rules[rule]
	t.find(kind, r.object, r.Source, rule, text, do)
}

func (t *Table) unreadable(o Object, err error) {
	t.find(Unreadable, o, o.Source, -1, fmt.Sprintf("%s can't be read: %s.", o.ref(), err),
		"Correct it: canarylab looks at nothing in it until then.")
}
