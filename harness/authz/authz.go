// Package authz tells by somebody's AuthorizationPolicies whether a request is let through, and derives what to send
// to see each of their rules at work: requests that meet a rule and requests that miss it, each with who sends it. It
// is pure: it knows no cluster and reads no files.
//
// It says what Istio's documentation says (https://istio.io/latest/docs/reference/config/security/authorization-policy/
// and .../conditions/), and where a request's fate rests on what it does not know, such as an address or a token, it
// says so in place of an answer.
package authz

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	security "istio.io/api/security/v1beta1"

	"github.com/canarylab/canarylab/harness/routes"
)

// TrustDomain begins the principals of the lab's mesh, and of most others: it is Istio's default.
const TrustDomain = "cluster.local"

// An Identity is who a caller is to the mesh, by the certificate of its sidecar. Zero is nobody: a caller without a
// sidecar, or one from outside.
type Identity struct{ Namespace, Account string }

// Principal is the identity as policies name it, empty for nobody.
func (i Identity) Principal() string {
	if i == (Identity{}) {
		return ""
	}
	return TrustDomain + "/ns/" + i.Namespace + "/sa/" + i.Account
}

// String is "namespace/account".
func (i Identity) String() string { return i.Namespace + "/" + i.Account }

// A Target is the pods that a request comes to, all alike.
type Target struct {
	Namespace string
	Labels    map[string]string
	// Host is what callers ask for to reach them, as the header has it. Decide goes by the request's own.
	Host string
	// Port is the pods' port, and not the Service's, 0 where it is not known.
	Port int
}

// A Request is what the pods' proxy sees of a request.
type Request struct {
	From Identity
	// Authority, Method and Path are without defaults. Path may have a query, which policies don't look at.
	Authority, Method, Path string
	Header                  map[string]string

	// token is what the pods make of its token.
	token token
}

// Policies are the AuthorizationPolicies and RequestAuthentications of somebody's manifests.
type Policies struct {
	// Rules has the rules of all AuthorizationPolicies, in their order.
	Rules []Rule

	all    []policy
	tokens []authentication
}

// A Rule is one of a policy.
type Rule struct {
	// Object is such as "AuthorizationPolicy shop/reviews", Path is where in its spec the rule is: "rules[0]".
	Object, Path string
	Source       routes.Source
	// Denies tells that a request which meets the rule is denied. Otherwise it is let through.
	Denies bool
	// If says what the rule asks for, in words.
	If string

	policy int
	rule   *security.Rule
	// places are where the rule's operations are.
	places []routes.Source
}

// Within tells whether a place is that of one of the rule's operations.
func (r Rule) Within(s routes.Source) bool { return slices.Contains(r.places, s) }

// A policy is an AuthorizationPolicy.
type policy struct {
	routes.Object
	spec  *security.AuthorizationPolicy
	rules []int
}

// Read reads the policies among objects. It leaves out what it can't read: package routes says that of them.
func Read(objects []routes.Object) Policies {
	var p Policies
	for _, o := range objects {
		if o.Unstructured == nil || o.GroupVersionKind().Group != "security.istio.io" {
			continue
		}
		if o.GetKind() == "RequestAuthentication" {
			p.readTokens(o)
		}
		if o.GetKind() != "AuthorizationPolicy" {
			continue
		}
		spec := &security.AuthorizationPolicy{}
		b, err := json.Marshal(o.Object["spec"])
		if err != nil || json.Unmarshal(b, spec) != nil && string(b) != "null" {
			continue
		}
		one := policy{Object: o, spec: spec}
		for i, r := range spec.Rules {
			path := fmt.Sprintf("rules[%d]", i)
			one.rules = append(one.rules, len(p.Rules))
			var places []routes.Source
			for j := range r.To {
				places = append(places, at(o, fmt.Sprintf("spec.%s.to[%d].operation", path, j)))
			}
			p.Rules = append(p.Rules, Rule{
				Object: nameOf(o), Path: path, Source: at(o, "spec."+path), If: inWords(r),
				Denies: spec.Action == security.AuthorizationPolicy_DENY, policy: len(p.all), rule: r,
				places: places,
			})
		}
		p.all = append(p.all, one)
	}
	return p
}

func nameOf(o routes.Object) string { return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName() }

func at(o routes.Object, path string) routes.Source {
	if o.Line == nil {
		return o.Source
	}
	return routes.Source{File: o.Source.File, Line: o.Line(path)}
}

// Any tells whether there is a policy, which may have no rules, or a RequestAuthentication.
func (p Policies) Any() bool { return len(p.all)+len(p.tokens) > 0 }

// Concerns tells whether a rule is for pods.
func (p Policies) Concerns(rule int, t Target) bool { return p.all[p.Rules[rule].policy].concerns(t) }

// decides tells whether rules of the policy let requests through or deny them: AUDIT does neither, and CUSTOM asks
// somebody.
func (p policy) decides() bool {
	return p.spec.Action == security.AuthorizationPolicy_ALLOW || p.spec.Action == security.AuthorizationPolicy_DENY
}

// concerns tells whether the policy is for pods.
func (p policy) concerns(t Target) bool {
	if p.GetNamespace() != t.Namespace && p.GetNamespace() != routes.RootNamespace || p.attached() {
		return false
	}
	for k, v := range p.spec.GetSelector().GetMatchLabels() {
		if have, ok := t.Labels[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// attached tells that the policy is for a Gateway of the Gateway API, a waypoint or a Service, which sidecars don't
// look at.
func (p policy) attached() bool { return len(p.spec.TargetRefs) > 0 || p.spec.TargetRef != nil }

// A Verdict is what becomes of a request at the pods.
type Verdict struct {
	// Denied tells that it gets 403, and By names the policies that it does so by: one that denies it, or all of those
	// that would have to let it through. By is empty where there is no policy for the pods.
	//
	// Refused tells in the place of Denied that it gets 401, because of a token that the RequestAuthentication in By
	// does not take: Why says what is wrong with it.
	Denied, Refused bool
	By              []string
	Why             string
	// Rule is the one that the request meets, and which decides, as index in Policies.Rules; -1 for none.
	Rule int
	// Unknown says what the verdict rests on and nobody knows here. It is empty where the verdict is sure.
	Unknown string
}

// Decide says what becomes of a request at pods, in Istio's order: its token, then CUSTOM, DENY and ALLOW.
func (p Policies) Decide(t Target, q Request) Verdict {
	q.token = p.tokenOf(t, q)
	if q.token.unknown != "" {
		return Verdict{Rule: -1, Unknown: q.token.unknown}
	}
	if q.token.refused != "" {
		return Verdict{Refused: true, By: []string{q.token.refused}, Why: q.token.why, Rule: -1}
	}
	for _, one := range p.all {
		if one.spec.Action == security.AuthorizationPolicy_CUSTOM && one.concerns(t) {
			return Verdict{Rule: -1, Unknown: nameOf(one.Object) + " asks a provider"}
		}
	}
	denying, _, unsure := p.first(security.AuthorizationPolicy_DENY, t, q)
	if denying >= 0 {
		return Verdict{Denied: true, By: []string{p.Rules[denying].Object}, Rule: denying}
	}
	if unsure != "" {
		return Verdict{Rule: -1, Unknown: unsure}
	}
	allowing, all, unsure := p.first(security.AuthorizationPolicy_ALLOW, t, q)
	switch {
	case allowing >= 0:
		return Verdict{By: []string{p.Rules[allowing].Object}, Rule: allowing}
	case unsure != "":
		return Verdict{Rule: -1, Unknown: unsure}
	}
	return Verdict{Denied: len(all) > 0, By: all, Rule: -1}
}

// first returns the first rule of an action that a request surely meets, -1 for none, the names of the action's
// policies for the pods, and why it is not sure that no other rule is met.
func (p Policies) first(action security.AuthorizationPolicy_Action, t Target, q Request) (
	rule int, policies []string, unsure string,
) {
	rule = -1
	for _, one := range p.all {
		if one.spec.Action != action || !one.concerns(t) {
			continue
		}
		policies = append(policies, nameOf(one.Object))
		for _, i := range one.rules {
			switch got := meets(p.Rules[i].rule, one.GetNamespace(), t, q); {
			case got.is == yes && rule < 0:
				rule = i
			case got.is == maybe && unsure == "":
				unsure = fmt.Sprintf("%s %s: %s", nameOf(one.Object), p.Rules[i].Path, got.why)
			}
		}
	}
	return rule, policies, unsure
}

// inWords says what a rule asks for.
func inWords(r *security.Rule) string {
	var parts []string
	var from, to []string
	for _, f := range r.From {
		from = append(from, sourceInWords(f.GetSource()))
	}
	for _, o := range r.To {
		to = append(to, operationInWords(o.GetOperation()))
	}
	if len(from) > 0 {
		parts = append(parts, "from "+strings.Join(from, ", or from "))
	}
	if len(to) > 0 {
		parts = append(parts, strings.Join(to, ", or "))
	}
	for _, c := range r.When {
		if len(c.Values) > 0 {
			parts = append(parts, c.Key+" is "+oneOf(c.Values))
		}
		if len(c.NotValues) > 0 {
			parts = append(parts, c.Key+" is not "+oneOf(c.NotValues))
		}
	}
	if len(parts) == 0 {
		return "any request"
	}
	return strings.Join(parts, ", ")
}

func sourceInWords(s *security.Source) string {
	var parts []string
	for _, f := range []struct {
		what   string
		values []string
	}{
		{"", s.GetPrincipals()}, {"service account ", s.GetServiceAccounts()}, {"namespace ", s.GetNamespaces()},
		{"token of ", s.GetRequestPrincipals()}, {"address ", s.GetIpBlocks()}, {"address ", s.GetRemoteIpBlocks()},
		{"anybody but ", s.GetNotPrincipals()}, {"anybody but service account ", s.GetNotServiceAccounts()},
		{"anywhere but namespace ", s.GetNotNamespaces()}, {"without a token of ", s.GetNotRequestPrincipals()},
		{"anywhere but ", s.GetNotIpBlocks()}, {"anywhere but ", s.GetNotRemoteIpBlocks()},
	} {
		if len(f.values) > 0 {
			parts = append(parts, f.what+oneOf(short(f.values)))
		}
	}
	if len(parts) == 0 {
		return "anybody"
	}
	return strings.Join(parts, " and ")
}

// short are principals without the mesh's own trust domain: "payments/checkout".
func short(principals []string) []string {
	all := slices.Clone(principals)
	for i, p := range all {
		if id, ok := parsePrincipal(p); ok {
			all[i] = id.String()
		}
	}
	return all
}

func operationInWords(o *security.Operation) string {
	var parts []string
	for _, f := range []struct {
		what   string
		values []string
	}{
		{"", o.GetMethods()}, {"path ", o.GetPaths()}, {"host ", o.GetHosts()}, {"port ", o.GetPorts()},
		{"any method but ", o.GetNotMethods()}, {"any path but ", o.GetNotPaths()}, {"any host but ", o.GetNotHosts()},
		{"any port but ", o.GetNotPorts()},
	} {
		if len(f.values) > 0 {
			parts = append(parts, f.what+oneOf(f.values))
		}
	}
	if len(parts) == 0 {
		return "anything"
	}
	return strings.Join(parts, " and ")
}

func oneOf(values []string) string { return strings.Join(values, " or ") }
