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
	cohort loadgen.Cohort
	unsent string
}

// load makes the classes of all sides, and the load that sends them.
func (s *sender) load() loadgen.Plan {
	var plan loadgen.Plan
	names := map[string]bool{}
	for _, side := range s.sides {
		for _, c := range side.Table.Classes() {
			same := func(k sent) bool { return reflect.DeepEqual(k.Request, c.Request) }
			known := slices.ContainsFunc(s.sent, same)
			if c.Request.Entry == loadgen.Plain || known {
				continue // no rule is there for a caller without a proxy
			}
			for names[c.Name] {
				c.Name += "-2"
			}
			names[c.Name] = true
			one := sent{Class: c, side: side}
			one.cohort, one.here, one.unsent = s.cohort(side, c)
			if one.unsent == "" && len(plan.Cohorts) == loadgen.MaxCohorts {
				one.unsent = fmt.Sprintf("there are %d classes already", loadgen.MaxCohorts)
			}
			if one.unsent == "" {
				one.cohort.Rate = s.need(one)
				plan.Cohorts = append(plan.Cohorts, one.cohort)
			}
			s.sent = append(s.sent, one)
		}
	}
	s.took = share(&plan)
	if len(plan.Cohorts) > 0 {
		plan.URL = plan.Cohorts[0].URL
	}
	return plan
}

// need is how many requests a class takes, of the side that takes most.
func (s *sender) need(c sent) int {
	n := 0
	for _, side := range s.sides {
		n = max(n, requests(side.places(c.here, s.home)))
	}
	return n
}

// routing is what a phase tests that has the manifests of a side, and what it claims.
func (s *sender) routing(side *Side) (*reports.Routing, []expect.Expectation) {
	r := &reports.Routing{Rules: rulesOf(side.Table), Remarks: remarksOf(side)}
	var claims []expect.Expectation
	for _, c := range s.sent {
		class := reports.RequestClass{
			Request: requestInWords(c.Request), Why: c.Why, Unsent: c.unsent,
		}
		if c.side == side {
			class.Rule, class.Takes = c.Rule+1, c.Takes+1
		}
		if c.unsent != "" {
			r.Classes = append(r.Classes, class)
			continue
		}
		takes, ok := side.Table.Match(c.here)
		if !ok {
			takes = -1
		}
		class.Takes = takes + 1
		class.Cohort, class.Asked = c.cohort.Name, side.places(c.here, s.home)
		if len(class.Asked) > 0 {
			claims = append(claims, expect.Lands(class.Cohort, s.need(c), class.Asked...))
		}
		r.Classes = append(r.Classes, class)
	}
	return r, claims
}

// cohort makes the cohort of a side's class, without its rate, and the request as the lab's callers send it. unsent
// says why there can be none.
func (s *sender) cohort(side *Side, c routes.Class) (out loadgen.Cohort, here routes.Request, unsent string) {
	q := c.Request
	here = q
	out = loadgen.Cohort{Name: c.Name, Method: q.Method, Entry: q.Entry, Header: maps.Clone(q.Header)}
	port := cmp.Or(q.Port, 80)
	host := q.Host
	if q.Scheme == "https" {
		return out, here, "it comes by TLS, and the lab sends plain HTTP"
	}
	switch q.Entry {
	case loadgen.Gateway:
		if unsent = side.gateway(q); unsent != "" {
			return out, here, unsent
		}
		s.through = append(s.through, port)
	default:
		if host, here, unsent = s.dial(side, &out, c, port); unsent != "" {
			return out, here, unsent
		}
	}
	if port != 80 {
		host += ":" + strconv.Itoa(port)
	}
	out.URL = "http://" + host + cmp.Or(q.Path, "/")
	for _, side := range s.sides {
		copies := 0
		for _, p := range side.places(here, s.home) {
			if p.Copy {
				copies++
			}
		}
		out.Copies = min(max(out.Copies, copies), loadgen.MaxCopies)
	}
	probe := loadgen.Plan{Run: "check", URL: "http://check/", Duration: 1, Cohorts: []loadgen.Cohort{out}}
	probe.Cohorts[0].Rate = 1
	if err := probe.Validate(); err != nil {
		return out, here, strings.ReplaceAll(err.Error(), "plan: cohorts[0].", "")
	}
	return out, here, ""
}

// dial finds the host that a caller with a sidecar asks for.
func (s *sender) dial(side *Side, out *loadgen.Cohort, c routes.Class, port int) (
	host string, here routes.Request, unsent string,
) {
	q := c.Request
	from := cmp.Or(q.SourceNamespace, s.home)
	to, known := side.Plan.Resolve(q.Host, from)
	here = q
	here.SourceNamespace, here.SourceLabels = s.home, map[string]string{"app": addons.SidecarCaller}
	if known && from != s.home {
		here.Host = to.Host()
	}
	rule, ok := side.Table.Match(here)
	if !ok {
		rule = -1
	}
	if rule != c.Takes || !reflect.DeepEqual(side.Table.Want(here), c.Want) {
		if len(q.SourceLabels) > 0 {
			return "", here, "its caller has labels of its own, and the lab's has app: " + addons.SidecarCaller
		}
		return "", here, fmt.Sprintf("its caller is in namespace %s, and the lab's is in %s", from, s.home)
	}
	if known && to.External == "" {
		if to.Headless {
			return "", here, "the Service is headless: callers ask its pods by their addresses, and not the Service"
		}
		if !slices.ContainsFunc(to.Ports, func(p standin.ServicePort) bool { return p.Number == port }) {
			return "", here, fmt.Sprintf("Service %s/%s has no port %d", to.Namespace, to.Name, port)
		}
		return here.Host, here, ""
	}
	// A name that only the mesh knows: the proxy routes by the Host header, whichever Service's address is asked at
	// that port.
	for _, other := range side.Plan.Services {
		if other.Headless || other.External != "" || len(other.Selector) == 0 {
			continue
		}
		if slices.ContainsFunc(other.Ports, func(p standin.ServicePort) bool { return p.Number == port }) {
			if out.Header == nil {
				out.Header = map[string]string{}
			}
			out.Header["Host"] = q.Host
			return other.Host(), here, ""
		}
	}
	const none = "no Service of the manifests has port %d, so that nothing has an address to ask %s at"
	return "", here, fmt.Sprintf(none, port, q.Host)
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
		return ""
	}
	return fmt.Sprintf("Gateway %s is not among the manifests, or no gateway of Istio's own kind", q.Gateway)
}

// ports are those of the gateway beside 80.
func (s *sender) ports() []int {
	slices.Sort(s.through)
	return slices.DeleteFunc(slices.Compact(s.through), func(p int) bool { return p == 80 })
}

// places are where requests are to go, none where the YAML does not say. home is the namespace of who sends them.
func (s *Side) places(q routes.Request, home string) []reports.Place {
	w := s.Table.Want(q)
	if w.Unknown {
		return nil
	}
	ns := home
	rule, ok := s.Table.Match(q)
	if ok {
		_, name, _ := strings.Cut(s.Table.Rules[rule].Object, " ")
		ns, _, _ = strings.Cut(name, "/")
	}
	var all []reports.Place
	rest := 100 - w.StatusPercent
	for _, d := range w.Destinations {
		if percent := d.Percent * rest / 100; percent > 0 {
			all = append(all, reports.Place{
				Host: d.Host, Port: d.Port, Subset: d.Subset, Percent: percent, Versions: s.versions(d, ns),
			})
		}
	}
	if w.StatusPercent > 0 {
		all = append(all, reports.Place{Status: w.Status, Percent: w.StatusPercent})
	}
	if !ok || rest <= 0 {
		return all
	}
	for _, m := range s.Table.Rules[rule].Mirrors {
		if versions := s.versions(m.Destination, ns); m.Percent > 0 && len(versions) > 0 {
			all = append(all, reports.Place{
				Host: m.Host, Port: m.Port, Subset: m.Subset, Copy: true, Versions: versions,
				Percent: m.Percent * rest / 100,
			})
		}
	}
	return all
}

// versions are who may answer at a destination that somebody in a namespace names.
func (s *Side) versions(d routes.Destination, ns string) []string {
	var all []string
	for _, w := range s.Plan.Behind(d.Host, ns, d.Subset, d.Port) {
		all = append(all, w.Version)
	}
	return all
}
