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
	// FaultFirst: a fault is injected before retries and the timeout, which do nothing about it.
	FaultFirst FindingKind = "fault-first"
	// Preflight: a browser's preflight does not meet the rule that has the CORS policy.
	Preflight FindingKind = "preflight"
	// LiteralStar: a star is meant as a wildcard where it is a star.
	LiteralStar FindingKind = "literal-star"
	// HeaderValue: a header's value has characters that no header can have.
	HeaderValue FindingKind = "header-value"
	// WildcardHidden: the rules of a host with a wildcard are not asked for a more specific host.
	WildcardHidden FindingKind = "wildcard-hidden"
	// HashAfterWeights: weights pick a subset before a hash picks a pod, so that no session sticks to a subset.
	HashAfterWeights FindingKind = "hash-after-weights"
	// PortSettings: settings of a port inherit nothing of those beside them.
	PortSettings FindingKind = "port-settings"
	// DuplicateRule: of two DestinationRules for one host a part is ignored.
	DuplicateRule FindingKind = "duplicate-destination-rule"
	// OneAtATime: a connection pool has room for one request at a time.
	OneAtATime FindingKind = "one-at-a-time"
	// DuplicateEntry: two ServiceEntries for one host contradict each other.
	DuplicateEntry FindingKind = "duplicate-service-entry"
	// TLSTwice: a DestinationRule puts TLS around what callers send by TLS already.
	TLSTwice FindingKind = "tls-twice"
	// TLSMismatch: callers' proxies send by plain text what pods take by mutual TLS alone, or the other way round.
	TLSMismatch FindingKind = "tls-mismatch"
	// PassedThrough: the gateway passes TLS through, so that no rule for HTTP is asked.
	PassedThrough FindingKind = "passthrough"
	// TLSEnded: the gateway ends TLS, so that no rule for the name in TLS is asked.
	TLSEnded FindingKind = "tls-ended"
	// HTTPToTLS: a gateway sends plain HTTP to a port where pods want TLS.
	HTTPToTLS FindingKind = "http-to-tls"
	// NoTimeToRetry: one try may take all of the timeout, so that there is no second one.
	NoTimeToRetry FindingKind = "no-time-to-retry"
	// RedirectNowhere: the gateway redirects to HTTPS, and no server of it ends TLS for the host.
	RedirectNowhere FindingKind = "redirect-to-nowhere"
	// PolicyPrincipal: a policy's principal is written otherwise than Istio compares it.
	PolicyPrincipal FindingKind = "policy-principal"
	// PolicyAddress: a policy asks for an address that a pod's proxy never sees.
	PolicyAddress FindingKind = "policy-address"
	// PolicyNotHTTP: a policy asks for what only HTTP has, and concerns a port that is not for HTTP.
	PolicyNotHTTP FindingKind = "policy-not-http"
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
