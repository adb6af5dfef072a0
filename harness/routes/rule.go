package routes

import (
	"time"

	networking "istio.io/api/networking/v1alpha3"
)

// Mesh is the gateway name that stands for all sidecars.
const Mesh = "mesh"

// A Rule is one match of one route, and what becomes of the requests that meet it.
type Rule struct {
	// Object is the object that has the rule, such as "VirtualService shop/reviews". Root is the VirtualService
	// that names it as a delegate, "" if it is none.
	Object, Root string
	// Source is where the match is, or the route if that has no match.
	Source Source
	// Path is where the rule is in the object's spec: "http[2].match[0]", "http[3]", "rules[0].matches[1]".
	Path string
	// Name is the route's name, where it has one. A match's own name follows after a dot, as in Envoy's access log.
	Name string
	// Hosts are the hosts that the rule is for, with wildcards as written. Names of Services in the cluster are
	// fully qualified. An HTTPRoute at a gateway without hostnames has "*".
	Hosts []string
	// Gateways are Mesh and namespace/name of gateways. The match's own gateways replace the object's.
	Gateways []string
	// Conditions must all hold. None means that every request to the hosts meets the rule.
	Conditions []Condition
	// Port is the port that the request must be for, 0 for any.
	Port int
	// SourceLabels are labels that the caller's pod must have. SourceNamespace is the caller's namespace, "" for
	// any. Istio ignores both where the match names gateways.
	SourceLabels    map[string]string
	SourceNamespace string

	Action Action
	Effects

	// ShadowedBy is an earlier rule that takes every request that would meet this one, as index in Table.Rules; -1
	// if there is none of which that is sure.
	ShadowedBy int
	// Unmet says why Classes has no request that meets the rule, such as a regex for which no text was found. It
	// is "" where Classes has one.
	Unmet string

	object Object
	// ownGateways tells that the match names gateways, sum is that of the weights as written.
	ownGateways bool
	sum         int
	// rank is an HTTPRoute's precedence.
	rank precedence
	// cors tells that it has a CORS policy.
	cors bool
}

// An Action is what becomes of a request.
type Action struct {
	Kind ActionKind
	// Destinations are where the requests go. Their percents sum to 100.
	Destinations []Destination
	// Status is that of a redirect or a direct response.
	Status int
	// Location is where a redirect leads, as far as the rule sets it: "https://host:port/path", with what stays as
	// it was left out.
	Location string

	redirect *networking.HTTPRedirect
}

// An ActionKind is the kind of an action.
type ActionKind string

// The kinds of actions.
const (
	// ActionRoute: the request goes to one of the destinations.
	ActionRoute ActionKind = "route"
	// ActionRedirect and ActionDirect: the proxy answers by itself, with Status.
	ActionRedirect ActionKind = "redirect"
	ActionDirect   ActionKind = "direct-response"
	// ActionNone: the rule has nothing to do with a request. Envoy answers such a request with an error.
	ActionNone ActionKind = "none"
)

// A Destination is where a share of the requests goes.
type Destination struct {
	// Host is a Service's fully qualified name, or another host's name.
	Host string
	// Port is the Service's port, 0 where the rule names none: then it is the only port of the Service or, where
	// that has several, the port that the request was for.
	Port int
	// Subset is that of the DestinationRule, "" for all pods of the Service.
	Subset string
	// Percent is the share of the requests, from 0 to 100.
	Percent float64
}

// Effects are what a rule does to requests beside sending them somewhere.
type Effects struct {
	// Timeout is nil where the rule sets none. Zero means that there is none.
	Timeout *time.Duration
	Retries *Retries
	Fault   *Fault
	Mirrors []Mirror
	Rewrite *Rewrite
	// Headers are the changes of headers, in words: "set request x-a", "remove response x-b". Ops are those of a
	// VirtualService as data.
	Headers []string
	Ops     []HeaderOp
}

// Retries says how often a request is tried again.
type Retries struct {
	// Attempts is the number of tries after the first; 0 turns retries off.
	Attempts int
	// PerTry is the timeout of each try, 0 if none is set. On is Envoy's retry-on, "" for Istio's default.
	PerTry time.Duration
	On     string
}

// Fault is what the proxy does to some requests before it sends them.
type Fault struct {
	// AbortPercent of the requests get AbortStatus. For gRPC, AbortGRPC is the status' name and AbortStatus 0.
	AbortPercent float64
	AbortStatus  int
	AbortGRPC    string
	// DelayPercent of the requests are sent Delay later.
	DelayPercent float64
	Delay        time.Duration
}

// Mirror is a destination that gets copies of a share of the requests, and whose answers nobody gets.
type Mirror struct {
	Destination
}

// Rewrite is what the workload gets in the place of what the caller sent.
type Rewrite struct {
	// URI replaces the path, or the matched prefix of it. Regex is the expression that it replaces instead, where
	// the rewrite is by one. Authority replaces the host. "" leaves the caller's.
	URI, Regex, Authority string
}
