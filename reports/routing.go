package reports

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// A Routing is a phase's test of routing rules that somebody has written: each rule, the classes of requests that were
// sent to see it at work, and what contradicts the YAML. What is not seen comes with the draft; Judge adds the rest.
type Routing struct {
	Rules    []RoutingRule    `json:"rules"`
	Policies []RoutingPolicy  `json:"policies,omitempty"`
	Classes  []RequestClass   `json:"classes"`
	Remarks  []RoutingRemark  `json:"remarks,omitempty"`
	Found    []RoutingFinding `json:"surprises,omitempty"`
	// Loss is what the change to these rules cost. Nil where there was none, or where it is not looked at.
	Loss *RoutingLoss `json:"loss,omitempty"`
	// Order says how to make the change without a loss, a step each.
	Order []string `json:"order,omitempty"`
}

// A RoutingRule is one match of one route, and what becomes of the requests that meet it.
type RoutingRule struct {
	// Source is where it is written, such as "shop/routes.yaml:12". Object has it, such as "VirtualService
	// shop/reviews", and Path is where in its spec: "http[2].match[0]".
	Source string `json:"source"`
	Object string `json:"object"`
	Path   string `json:"path"`
	Name   string `json:"name,omitempty"`
	// Hosts are those that it is for, If its conditions in words, and Says what the YAML says becomes of the requests
	// that meet it.
	Hosts []string `json:"hosts,omitempty"`
	If    string   `json:"if"`
	Says  string   `json:"says"`
	// ShadowedBy is an earlier rule that takes every request that would meet this one, counted from 1; 0 for none.
	// Unmet says why no request was sent that meets it. Empty where some were.
	ShadowedBy int    `json:"shadowedBy,omitempty"`
	Unmet      string `json:"unmet,omitempty"`
}

// A RequestClass is a kind of request that was sent, all of them alike.
type RequestClass struct {
	// Cohort is that of the load which sent it. Empty where it was not sent, and Unsent says why.
	Cohort string `json:"cohort,omitempty"`
	Unsent string `json:"unsent,omitempty"`
	// Request is it in a few words, such as "GET reviews/ with end-user: jason", and Why says what is special about it.
	Request string `json:"request"`
	Why     string `json:"why"`
	// Rule is the rule that it was made for, and Takes the one that takes it by the YAML. Both count from 1; 0 is none.
	Rule  int `json:"rule,omitempty"`
	Takes int `json:"takes,omitempty"`
	// Caller is who sends it, such as "payments/checkout" by namespace and service account. Empty for the lab's usual
	// caller, and for what comes through the gateway. Policy is the rule of a policy that decides about it by the YAML,
	// from 1; 0 is none.
	Caller string `json:"caller,omitempty"`
	Policy int    `json:"policy,omitempty"`
	// Meant is the rule of a policy that means it and that no request can meet, from 1; 0 is none.
	Meant int `json:"meant,omitempty"`
	// Asked are the places where its requests are to go. Empty where the YAML does not say, and where that is not
	// known: Unjudged says why.
	Asked    []Place `json:"asked,omitempty"`
	Unjudged string  `json:"unjudged,omitempty"`
	// Was are the places where its requests went before the phase's change. Empty where there was none.
	Was []Place `json:"was,omitempty"`
	// Answers are what is claimed of the answers, beside where they come from.
	Answers []RoutingAnswer `json:"answers,omitempty"`
	// Requests counts those that were sent once the change had settled, Seen says where they ended, and Outcome what is
	// to be said of that. It is empty where nothing was asked.
	Requests int                `json:"requests"`
	Seen     []analysis.Landing `json:"seen,omitempty"`
	Outcome  Outcome            `json:"outcome,omitempty"`
	Reason   string             `json:"reason,omitempty"`
}

// A Place is where a share of a class's requests is to go.
type Place struct {
	// Host, Port and Subset are a destination as in analysis.Landing. A Port of 0 is any.
	Host   string `json:"host,omitempty"`
	Port   int    `json:"port,omitempty"`
	Subset string `json:"subset,omitempty"`
	// Status is that of an answer by the proxy that routes, for a place that is no destination.
	Status int `json:"status,omitempty"`
	// Policy names the policy by which the pods of a destination deny the requests, for a place where they get 403.
	// With Refused it is the RequestAuthentication that does not take their token, and they get 401.
	Policy  string `json:"policy,omitempty"`
	Refused bool   `json:"refused,omitempty"`
	// Copy tells that it gets copies of the requests, whose answers nobody gets. Versions are who may answer there.
	Copy     bool     `json:"copy,omitempty"`
	Versions []string `json:"versions,omitempty"`
	// Percent is the share of the class's requests.
	Percent float64 `json:"percent"`
}

// Name is the place in a table: "reviews subset v2", "status 404".
func (p Place) Name() string {
	switch {
	case p.Status != 0:
		return fmt.Sprintf("status %d", p.Status)
	case p.Copy:
		return "copies to " + ShortHost(p.Host) + format.When(p.Subset != "", " subset "+p.Subset)
	case p.Refused:
		return "401 at " + Destination(p.Host, p.Subset) + ", token refused by " + p.Policy
	case p.Policy != "":
		return "403 at " + Destination(p.Host, p.Subset) + ", denied by " + p.Policy
	}
	return Destination(p.Host, p.Subset)
}

// Amount is the percentage as a number, to a hundredth.
func (p Place) Amount() string {
	return strconv.FormatFloat(math.Round(p.Percent*100)/100, 'f', -1, 64)
}

// Destination names where a route sends requests: "reviews.shop subset v2".
func Destination(host, subset string) string {
	return format.Join(" subset ", ShortHost(host), subset)
}

// ShortHost is a Service's name with its namespace, or another host as it is.
func ShortHost(host string) string { return strings.TrimSuffix(host, ".svc.cluster.local") }

// Takes tells whether requests that ended so ended at the place.
func (p Place) Takes(l analysis.Landing) bool {
	switch {
	case p.Copy:
		return false
	case p.Refused:
		return l.Code == http.StatusUnauthorized && strings.HasPrefix(l.Details, analysis.RefusedToken) &&
			l.Host == p.Host && l.Subset == p.Subset
	case p.Policy != "":
		return l.Code == http.StatusForbidden && strings.HasPrefix(l.Details, analysis.DeniedByPolicy) &&
			l.Host == p.Host && l.Subset == p.Subset
	case p.Status != 0:
		return l.Code == p.Status && l.ByProxy() && (l.Flag == "" || l.Flag == analysis.NoFlag ||
			analysis.ConfigDecides(l.Flag) && l.Flag != "UH" && l.Flag != "NC")
	}
	return l.Host == p.Host && l.Subset == p.Subset && (p.Port == 0 || l.Port == p.Port) && l.Version != "" &&
		l.Code != 0 && l.Code < 400
}

// Count counts the requests that ended at the place, or the copies that it got.
func (p Place) Count(all []analysis.Landing) int {
	n := 0
	for _, l := range all {
		switch {
		case p.Copy:
			for _, version := range p.Versions {
				n += l.Copies[version]
			}
		case p.Takes(l):
			n += l.Count
		}
	}
	return n
}

// Elsewhere are the landings at none of the places.
func Elsewhere(all []analysis.Landing, places []Place) []analysis.Landing {
	var out []analysis.Landing
	for _, l := range all {
		if !slices.ContainsFunc(places, func(p Place) bool { return p.Takes(l) }) {
			out = append(out, l)
		}
	}
	return out
}

// A RoutingRemark is something about the manifests that is known without sending anything.
type RoutingRemark struct {
	// Kind is in kebab case, such as shadowed or left-out.
	Kind   string `json:"kind"`
	Source string `json:"source,omitempty"`
	Object string `json:"object,omitempty"`
	// Text says what it is, and Do what to do about it. Do is empty where there is nothing to do.
	Text string `json:"text"`
	Do   string `json:"do,omitempty"`
	// Mistake tells that it looks like one of who wrote the manifests, and Fails that it is one for sure: no request
	// can meet the rule, which fails the run.
	Mistake bool `json:"mistake,omitempty"`
	Fails   bool `json:"fails,omitempty"`
}

// A RoutingFinding is something that was seen and contradicts what the YAML says.
type RoutingFinding struct {
	// Classes are those that it was seen with, by their cohorts. Rule is the one that takes them, from 1; 0 is none.
	Classes []string `json:"classes"`
	Rule    int      `json:"rule,omitempty"`
	Source  string   `json:"source,omitempty"`
	// Text says what was seen, and Do what to do about it.
	Text string `json:"text"`
	Do   string `json:"do"`
}

// KindLands is the Kind of a verdict on where the requests of a class went. Its Cohort is the class's.
const KindLands = "lands"

// KindNoted is the Kind of a verdict on what the load agent noted of the answers of a class. Its Cohort is the class's.
const KindNoted = "noted"

// KindDead is the Kind of a verdict on a rule that no request can meet.
const KindDead = "dead-rule"

// KindStays is the Kind of a verdict on whether a class lost requests on the way of a change.
const KindStays = "stays"

// Judge adds what was seen: o is the phase's observation, and verdicts are those on it.
func (r *Routing) Judge(o analysis.Observation, verdicts []Verdict) {
	r.Found, r.Loss = nil, r.lost(o)
	for i := range r.Classes {
		c := &r.Classes[i]
		if c.Cohort == "" {
			continue
		}
		counts := o.Settled.Of(c.Cohort)
		c.Requests, c.Seen = counts.Requests, counts.Landings
		for _, v := range verdicts {
			if v.Kind == KindLands && v.Cohort == c.Cohort {
				c.Outcome, c.Reason = v.Outcome, v.Why
			}
		}
		c.judgeAnswers(counts, verdicts)
	}
	for _, g := range r.Groups() {
		g.Classes = slices.DeleteFunc(g.Classes, func(c RequestClass) bool { return c.Outcome != Fail })
		if len(g.Classes) > 0 {
			r.Found = append(r.Found, g.surprise())
		}
	}
	r.Found = append(r.Found, r.otherAnswers()...)
	r.Found = append(r.Found, r.dead()...)
}

// rule is a rule by its number, nil for none.
func (r *Routing) rule(number int) *RoutingRule {
	if number < 1 || number > len(r.Rules) {
		return nil
	}
	return &r.Rules[number-1]
}

// surprise says of classes that contradict the YAML what was seen in place of what was asked.
func (g RoutingGroup) surprise() RoutingFinding {
	g.Shares = nil
	g.add()
	f := RoutingFinding{Rule: g.Classes[0].Takes}
	said := "no rule takes it, so that the YAML says"
	if g.Rule != nil {
		f.Source = g.Rule.Source
		said = g.Rule.Object + " " + g.Rule.Path + " says"
	}
	var asked, seen []string
	for _, p := range g.Classes[0].Asked {
		asked = append(asked, format.When(p.Percent < 100, p.Amount()+" % ")+p.Name())
	}
	for _, s := range g.Shares {
		if s.Stray {
			seen = append(seen, fmt.Sprintf("%s %% %s", format.Percent(s.Seen.Percent), s.Name))
		}
	}
	if len(seen) == 0 {
		for _, s := range g.Shares {
			if s.Part {
				continue
			}
			const share = "%s %% %s (95 %% interval %s to %s)"
			seen = append(seen, fmt.Sprintf(share, format.Percent(s.Seen.Percent), s.Name,
				format.Percent(s.Seen.Low), format.Percent(s.Seen.High)))
		}
	}
	var strays []analysis.Landing
	for _, c := range g.Classes {
		f.Classes = append(f.Classes, c.Cohort)
		strays = append(strays, Elsewhere(c.Seen, c.Asked)...)
	}
	worst := analysis.Landing{}
	for _, l := range strays {
		if l.Count > worst.Count {
			worst = l
		}
	}
	requests := g.Classes[0].Words()
	if more := len(g.Classes) - 1; more > 0 {
		requests += ", and " + format.Plural(more, "more class", "more classes")
	}
	f.Text = fmt.Sprintf("%s: %s %s. Of %s, %s.", requests, said, strings.Join(asked, ", "),
		format.Plural(g.Shares[0].Seen.Of, "request", "requests"), strings.Join(seen, ", "))
	f.Do = advice(worst)
	denied := slices.ContainsFunc(g.Classes[0].Asked, func(p Place) bool { return p.Policy != "" })
	if denied && worst.Version != "" && worst.Code < http.StatusBadRequest {
		f.Do = "The policy was to deny it, and let it through: compare its fields with what the pods' proxy sees, " +
			"which is the pods' port, the path after a rewrite, and the account of who calls."
	}
	return f
}

// advice says what to do about requests that ended so and were not to.
func advice(l analysis.Landing) string {
	has := func(flag string) bool { return slices.Contains(strings.Split(l.Flag, ","), flag) }
	subset := format.When(l.Subset != "", " subset "+l.Subset)
	switch {
	case l.Count == 0:
		return "Compare the weights with those that reached the proxy: istioctl proxy-config route, and look for " +
			"a second VirtualService of the host."
	case has("UH"):
		return fmt.Sprintf("No ready pod is behind %s%s: give the workload's pods the labels that the "+
			"DestinationRule's subset asks for, or take the destination out of the route.", ShortHost(l.Host), subset)
	case has("NC") && l.Host == "":
		return "The route names a cluster that the proxy does not have: define its subset. Where the rule is asked " +
			"at a port that the destination's Service lacks, write destination.port: Istio takes the port asked."
	case has("NC"):
		return fmt.Sprintf("The route names %s%s, which no DestinationRule that the callers see defines: add the "+
			"subset before the route that names it.", ShortHost(l.Host), subset)
	case has("NR"):
		return "No rule takes this request: add a last route without a match."
	case strings.HasPrefix(l.Details, analysis.DeniedByPolicy):
		return "An AuthorizationPolicy of the workload denies it (Envoy says " + l.Details + "): allow there the " +
			"caller, or the path and method."
	case strings.HasPrefix(l.Details, analysis.RefusedToken):
		return "A RequestAuthentication refuses the token, or its absence (Envoy says " + l.Details + ")."
	case has("UF") || has("UC"):
		return "The connection to the pod failed: compare the DestinationRule's tls mode with the workload's " +
			"PeerAuthentication, and the Service's targetPort with the container's port."
	case has("UT"):
		return "The route's timeout ended it."
	case has("FI"):
		return "The route's own fault injection made it: take the fault out of the rule."
	case l.Host != "" && l.Code != 0 && l.Code < 400:
		return fmt.Sprintf("Another rule takes these requests: look for one before it whose match is wider, or for a "+
			"second VirtualService of the host that sends to %s%s.", ShortHost(l.Host), subset)
	case l.Cluster != "":
		return "The proxy knows no Service of that host and sent the request to " + l.Cluster + ": name the host as " +
			"the mesh knows it, or have the Sidecar of the callers' namespace list it under egress."
	}
	return "Look at the proxy's log entry of such a request: canarylab report --full has the flags and hops."
}
