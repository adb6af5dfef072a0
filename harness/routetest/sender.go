package routetest

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// A sender makes cohorts of classes.
type sender struct {
	// sides are those that are tested. The first one is asked how a request can be sent.
	sides []*Side
	// home is the namespace of the callers.
	home string
	// callers are those that there may be: the usual one, the workloads of the manifests, and whom a policy names.
	// standing are those beside the usual one that send something.
	callers, standing []addons.Caller
	// unmet says of each side, for the rules of policies that no class meets, why.
	unmet map[*Side]map[int]string
	// noted counts what is noted of answers.
	noted int
	// through has the gateway's ports that cohorts use.
	through []int
	// sent are the classes, and took is how long their requests take.
	sent []sent
	took time.Duration
}

// A sent is a class with the cohort that sends it. The cohort has no name where unsent says why it is not sent.
type sent struct {
	routes.Class
	// side is the one whose rules the class was made for, and here is the request as the lab's callers send it.
	side   *Side
	here   routes.Request
	from   addons.Caller
	cohort loadgen.Cohort
	unsent string
	// meant is as in aimed.
	meant int
}

// load makes the classes of all sides, and the load that sends them, with those that are there already.
func (s *sender) load() loadgen.Plan {
	var plan loadgen.Plan
	names := map[string]bool{}
	add := func(one sent) {
		same := func(k sent) bool {
			if k.from.Name != one.from.Name || reflect.DeepEqual(k.Request, one.Request) {
				return k.from.Name == one.from.Name
			}
			return k.unsent == "" && one.unsent == "" && reflect.DeepEqual(k.cohort.Header, one.cohort.Header) &&
				k.cohort.URL == one.cohort.URL && k.cohort.Method == one.cohort.Method &&
				k.here.Entry == one.here.Entry && k.here.Gateway == one.here.Gateway
		}
		if slices.ContainsFunc(s.sent, same) {
			return
		}
		for names[one.Name] {
			one.Name += "-2"
		}
		one.cohort.Name = one.Name
		s.join(&plan, &one)
		if one.unsent == "" {
			plan.Cohorts[len(plan.Cohorts)-1].Rate = s.need(one)
		}
		names[one.Name] = true
		s.sent = append(s.sent, one)
	}
	for i := range s.sent {
		names[s.sent[i].Name] = true
		s.join(&plan, &s.sent[i])
	}
	for _, side := range s.sides {
		for _, c := range side.Table.Classes() {
			if c.Request.Entry == loadgen.Plain {
				continue // no rule is there for a caller without a proxy
			}
			one := sent{Class: c, side: side}
			one.cohort, one.here, one.from, one.unsent = s.cohort(side, c, nil)
			add(one)
		}
	}
	s.unmet = map[*Side]map[int]string{}
	for _, side := range s.sides {
		var aims []aimed
		aims, s.unmet[side] = s.aims(side)
		for _, a := range aims {
			c, from := a.Class, s.as(a.from)
			c.Request.SourceNamespace, c.Request.SourceLabels = from.Namespace, from.Labels
			var ok bool
			if c.Takes, ok = side.Table.Match(c.Request); !ok {
				c.Takes = -1
			}
			c.Want = side.Table.Want(c.Request)
			one := sent{Class: c, side: side, meant: a.meant}
			one.cohort, one.here, one.from, one.unsent = s.cohort(side, c, &from)
			add(one)
		}
	}
	s.took = share(&plan)
	if len(plan.Cohorts) > 0 {
		plan.URL = strings.Replace(plan.Cohorts[0].URL, "https://", "http://", 1)
	}
	return plan
}

// join adds the cohort of a class to a load, unless there are too many already.
func (s *sender) join(plan *loadgen.Plan, one *sent) {
	if one.unsent == "" && len(plan.Cohorts) == loadgen.MaxCohorts {
		one.unsent = fmt.Sprintf("there are %d classes already", loadgen.MaxCohorts)
	}
	if one.unsent == "" {
		s.note(one)
		plan.Cohorts = append(plan.Cohorts, one.cohort)
	}
}

// need is how many requests a class takes, of the side that takes most.
func (s *sender) need(c sent) int {
	n := 0
	for _, side := range s.sides {
		asked, _, _ := s.places(side, c)
		n = max(n, requests(asked))
		for _, noting := range s.notings(side, c) {
			if noting.percent < 100 {
				n = max(n, requests([]reports.Place{{Percent: noting.percent}}))
			}
		}
	}
	return n
}

// routing is what a phase tests that has the manifests of a side, and what it claims.
func (s *sender) routing(side *Side) (*reports.Routing, []expect.Expectation) {
	dead := s.dead(side)
	r := &reports.Routing{Rules: rulesOf(side.Table), Policies: policiesOf(side, s.unmet[side], dead)}
	var claims []expect.Expectation
	r.Remarks, claims = s.remarks(side, dead)
	for _, c := range s.sent {
		class := reports.RequestClass{
			Request: requestInWords(c.Request), Why: c.Why, Unsent: c.unsent, Caller: callerInWords(c.from),
		}
		if c.side == side {
			class.Rule, class.Takes, class.Meant = c.Rule+1, c.Takes+1, c.meant
		}
		if c.unsent != "" {
			if c.from.Namespace != "" {
				_, policy, _ := s.places(side, c)
				class.Policy = policy + 1
			}
			r.Classes = append(r.Classes, class)
			continue
		}
		takes, ok := side.Table.Match(c.here)
		if !ok {
			takes = -1
		}
		class.Takes = takes + 1
		var policy int
		class.Cohort = c.cohort.Name
		class.Asked, policy, class.Unjudged = s.places(side, c)
		class.Policy = policy + 1
		if len(class.Asked) > 0 {
			claims = append(claims, expect.Lands(class.Cohort, s.need(c), class.Asked...))
		}
		class.Answers = s.answersOf(side, c)
		for i, a := range class.Answers {
			claim := expect.Noted(class.Cohort, certain/2, a.Note, a.Want, a.Percent)
			class.Answers[i].Claim = claim.String()
			claims = append(claims, claim)
		}
		r.Classes = append(r.Classes, class)
	}
	return r, claims
}

// cohort makes the cohort of a side's class, without its rate, and the request as the lab's callers send it. only is
// who has to send it, nil for whoever shows most. unsent says why there can be none.
func (s *sender) cohort(side *Side, c routes.Class, only *addons.Caller) (
	out loadgen.Cohort, here routes.Request, from addons.Caller, unsent string,
) {
	q := c.Request
	here = q
	out = loadgen.Cohort{Name: c.Name, Method: q.Method, Entry: q.Entry, Header: maps.Clone(q.Header)}
	scheme := cmp.Or(q.Scheme, "http")
	port := cmp.Or(q.Port, usualPorts[scheme])
	host := q.Host
	if scheme == "https" && q.Entry != loadgen.Gateway {
		return out, here, from, "it comes by TLS, and a sidecar can't route what a caller encrypts"
	}
	switch q.Entry {
	case loadgen.Gateway:
		unsent = side.gateway(q)
		if unsent == "" {
			unsent = s.atGateway(side, q)
		}
		if unsent != "" {
			return out, here, from, unsent
		}
		s.through = append(s.through, port)
	default:
		if host, unsent = s.address(side, &out, c, port); unsent != "" {
			return out, here, from, unsent
		}
		if only == nil {
			from, here, unsent = s.pick(side, c)
		} else if unsent = s.unfit(side, *only); unsent == "" {
			from, here, unsent = s.stand(*only, q)
		} else {
			from = *only
		}
		if unsent != "" {
			return out, here, from, unsent
		}
		if out.Header["Host"] == "" {
			host = here.Host
		}
		out.Caller = from.Name
	}
	if port != usualPorts[scheme] {
		host += ":" + strconv.Itoa(port)
	} else if scheme == "https" {
		// The gateway's usual port is 80, and no caller names 443 in the header.
		if out.Header == nil {
			out.Header = map[string]string{}
		}
		out.Header["Host"] = host
		host += ":443"
	}
	out.URL = scheme + "://" + host + cmp.Or(q.Path, "/")
	for _, one := range s.sides {
		// Also what a policy denies at the pods is copied before.
		if i, ok := one.Table.Match(here); ok {
			out.Copies = min(max(out.Copies, len(one.Table.Rules[i].Mirrors)), loadgen.MaxCopies)
		}
	}
	if err := valid(out); err != nil {
		return out, here, from, strings.ReplaceAll(err.Error(), "plan: cohorts[0].", "")
	}
	return out, here, from, ""
}

// usualPorts are those that a URL need not name.
var usualPorts = map[string]int{"http": 80, "https": 443}

// valid tells whether the load agent can send a cohort.
func valid(c loadgen.Cohort) error {
	c.Rate = 1
	return loadgen.Plan{
		Run: "check", URL: "http://check/", Duration: 1, Cohorts: []loadgen.Cohort{c},
	}.Validate()
}

// address finds the host that a caller with a sidecar asks for. Where only the mesh knows a name, it is that of another
// Service, and the name is in the Host header.
func (s *sender) address(side *Side, out *loadgen.Cohort, c routes.Class, port int) (host, unsent string) {
	q := c.Request
	to, known := side.Plan.Resolve(q.Host, cmp.Or(q.SourceNamespace, s.home))
	if known && to.External == "" {
		if to.Headless {
			return "", "the Service is headless: callers ask its pods by their addresses, and not the Service"
		}
		if !slices.ContainsFunc(to.Ports, func(p standin.ServicePort) bool { return p.Number == port }) {
			return "", fmt.Sprintf("Service %s/%s has no port %d", to.Namespace, to.Name, port)
		}
		return q.Host, ""
	}
	// The proxy routes by the Host header, whichever Service's address is asked at that port.
	for _, other := range side.Plan.Services {
		if other.Headless || other.External != "" || len(other.Selector) == 0 {
			continue
		}
		if slices.ContainsFunc(other.Ports, func(p standin.ServicePort) bool { return p.Number == port }) {
			if out.Header == nil {
				out.Header = map[string]string{}
			}
			out.Header["Host"] = q.Host
			return other.Host(), ""
		}
	}
	const none = "no Service of the manifests has port %d, so that nothing has an address to ask %s at"
	return "", fmt.Sprintf(none, port, q.Host)
}

// gateway tells why a request can't come through the lab's gateway, empty where it can.
func (s *Side) gateway(q routes.Request) (unsent string) {
	if q.Gateway == "" {
		return ""
	}
	for _, g := range s.Plan.Gateways {
		if g.Namespace+"/"+g.Name != q.Gateway {
			continue
		}
		if !g.Met {
			return fmt.Sprintf("Gateway %s selects pods that the lab's gateway is not among", q.Gateway)
		}
		if q.Scheme == "https" {
			return overTLS(g, q)
		}
		return ""
	}
	return fmt.Sprintf("Gateway %s is not among the manifests", q.Gateway)
}

// overTLS tells why a request by TLS can't come through a gateway, empty where it can.
func overTLS(g standin.Gateway, q routes.Request) (unsent string) {
	for _, server := range g.Servers {
		switch {
		case server.Port != q.Port:
		case server.File:
			return "its certificate is in a file of your gateway's pod: write a credentialName to have one made"
		case strings.HasSuffix(server.TLSMode, "MUTUAL") && server.TLSMode != "OPTIONAL_MUTUAL":
			return "the gateway asks for the caller's certificate (" + server.TLSMode + "), and the lab's has none"
		}
	}
	return ""
}

// ports are those of the gateway beside 80.
func (s *sender) ports() []int {
	slices.Sort(s.through)
	return slices.DeleteFunc(slices.Compact(s.through), func(p int) bool { return p == 80 })
}

// places are where a class's requests are to go by a side's manifests, and the rule of a policy that decides, as index
// in Policies.Rules, -1 for none. There are no places where that is not known: unjudged says why, or is empty where the
// YAML does not say.
func (s *sender) places(side *Side, c sent) (all []reports.Place, policy int, unjudged string) {
	q := c.here
	w := side.Table.Want(q)
	if w.Unknown {
		return nil, -1, ""
	}
	from := s.by(c)
	policy = -1
	if text := s.tokenAtGateway(side, c); text != "" {
		return nil, -1, text
	}
	ns := side.asks(q, s.home)
	rest := 100 - w.StatusPercent
	open := 0.0
	for _, d := range w.Destinations {
		percent := d.Percent * rest / 100
		if percent <= 0 {
			continue
		}
		f := side.fate(q, from, d, ns)
		if f.unknown != "" {
			return nil, -1, f.unknown
		}
		if policy < 0 {
			policy = f.rule
		}
		place := reports.Place{Host: d.Host, Port: d.Port, Subset: d.Subset, Percent: percent}
		if f.denied {
			place.Policy, place.Refused = strings.Join(f.by, " and "), f.refused
		} else {
			place.Versions = side.versions(d, ns)
			open += percent
		}
		all = append(all, place)
	}
	if w.StatusPercent > 0 {
		all = append(all, reports.Place{Status: w.Status, Percent: w.StatusPercent})
	}
	rule, ok := side.Table.Match(q)
	if !ok || rest <= 0 || open < rest {
		return all, policy, "" // whether a copy is denied is asked of others
	}
	for _, m := range side.Table.Rules[rule].Mirrors {
		if versions := side.versions(m.Destination, ns); m.Percent > 0 && len(versions) > 0 {
			all = append(all, reports.Place{
				Host: m.Host, Port: m.Port, Subset: m.Subset, Copy: true, Versions: versions,
				Percent: m.Percent * rest / 100,
			})
		}
	}
	return all, policy, ""
}

// versions are who may answer at a destination that somebody in a namespace names.
func (s *Side) versions(d routes.Destination, ns string) []string {
	var all []string
	for _, w := range s.Plan.Behind(d.Host, ns, d.Subset, d.Port) {
		all = append(all, w.Version)
	}
	return all
}
