package routetest

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/harness/standin"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
)

// A sender makes cohorts of classes.
type sender struct {
	plan  *standin.Plan
	table routes.Table
	// home is the namespace of the callers.
	home string
	// through has the gateway's ports that cohorts use.
	through []int
}

// cohort makes the cohort of a class, without its rate. unsent says why there can be none.
func (s *sender) cohort(c routes.Class) (out loadgen.Cohort, unsent string) {
	q := c.Request
	out = loadgen.Cohort{
		Name: c.Name, Method: q.Method, Entry: q.Entry, Header: maps.Clone(q.Header), Copies: s.copies(c),
	}
	port := cmp.Or(q.Port, 80)
	host := q.Host
	if q.Scheme == "https" {
		return out, "it comes by TLS, and the lab sends plain HTTP"
	}
	switch q.Entry {
	case loadgen.Gateway:
		if unsent = s.gateway(q, port); unsent != "" {
			return out, unsent
		}
		s.through = append(s.through, port)
	default:
		if host, unsent = s.dial(&out, c, port); unsent != "" {
			return out, unsent
		}
	}
	path := cmp.Or(q.Path, "/")
	if port != 80 {
		host += ":" + strconv.Itoa(port)
	}
	out.URL = "http://" + host + path
	if _, err := url.Parse(out.URL); err != nil {
		return out, fmt.Sprintf("its URL can't be sent: %v", err)
	}
	probe := loadgen.Plan{Run: "check", URL: "http://check/", Duration: 1, Cohorts: []loadgen.Cohort{out}}
	probe.Cohorts[0].Rate = 1
	if err := probe.Validate(); err != nil {
		return out, strings.ReplaceAll(err.Error(), "plan: cohorts[0].", "")
	}
	return out, ""
}

// dial finds the host that a caller with a sidecar asks for.
func (s *sender) dial(out *loadgen.Cohort, c routes.Class, port int) (host, unsent string) {
	q := c.Request
	from := cmp.Or(q.SourceNamespace, s.home)
	to, known := s.plan.Resolve(q.Host, from)
	here := q
	here.SourceNamespace, here.SourceLabels = s.home, map[string]string{"app": addons.SidecarCaller}
	if known && from != s.home {
		here.Host = to.Host()
	}
	rule, ok := s.table.Match(here)
	if !ok {
		rule = -1
	}
	if rule != c.Takes || !reflect.DeepEqual(s.table.Want(here), c.Want) {
		switch {
		case len(q.SourceLabels) > 0:
			return "", "its caller has labels of its own, and the lab's has app: " + addons.SidecarCaller
		default:
			return "", fmt.Sprintf("its caller is in namespace %s, and the lab's is in %s", from, s.home)
		}
	}
	if known && to.External == "" {
		if to.Headless {
			return "", "the Service is headless: callers ask its pods by their addresses, and not the Service"
		}
		if !slices.ContainsFunc(to.Ports, func(p standin.ServicePort) bool { return p.Number == port }) {
			return "", fmt.Sprintf("Service %s/%s has no port %d", to.Namespace, to.Name, port)
		}
		return here.Host, ""
	}
	// A name that only the mesh knows: the proxy routes by the Host header, whichever Service's address is asked at
	// that port.
	for _, any := range s.plan.Services {
		if any.Headless || any.External != "" || len(any.Selector) == 0 {
			continue
		}
		if slices.ContainsFunc(any.Ports, func(p standin.ServicePort) bool { return p.Number == port }) {
			if out.Header == nil {
				out.Header = map[string]string{}
			}
			out.Header["Host"] = q.Host
			return any.Host(), ""
		}
	}
	return "", fmt.Sprintf("no Service of the manifests has port %d, so that nothing has an address to ask %s at", port,
		q.Host)
}

// gateway tells why a request can't come through the lab's gateway, empty where it can.
func (s *sender) gateway(q routes.Request, port int) (unsent string) {
	if q.Gateway == "" {
		return ""
	}
	for _, g := range s.plan.Gateways {
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

// copies is how many copies the mesh may make of each request of a class.
func (s *sender) copies(c routes.Class) int {
	n := 0
	for _, p := range s.places(c) {
		if p.Copy {
			n++
		}
	}
	return min(n, loadgen.MaxCopies)
}

// places are where the requests of a class are to go, none where the YAML does not say.
func (s *sender) places(c routes.Class) []reports.Place {
	w := c.Want
	if w.Unknown {
		return nil
	}
	var all []reports.Place
	rest := 100 - w.StatusPercent
	for _, d := range w.Destinations {
		if percent := d.Percent * rest / 100; percent > 0 {
			all = append(all, reports.Place{
				Host: d.Host, Port: d.Port, Subset: d.Subset, Percent: percent, Versions: s.versions(d, c),
			})
		}
	}
	if w.StatusPercent > 0 {
		all = append(all, reports.Place{Status: w.Status, Percent: w.StatusPercent})
	}
	if c.Takes < 0 || rest <= 0 {
		return all
	}
	for _, m := range s.table.Rules[c.Takes].Mirrors {
		if versions := s.versions(m.Destination, c); m.Percent > 0 && len(versions) > 0 {
			all = append(all, reports.Place{
				Host: m.Host, Port: m.Port, Subset: m.Subset, Copy: true, Versions: versions, Percent: m.Percent * rest / 100,
			})
		}
	}
	return all
}

// versions are who may answer at a destination.
func (s *sender) versions(d routes.Destination, c routes.Class) []string {
	ns := s.home
	if c.Takes >= 0 {
		_, name, _ := strings.Cut(s.table.Rules[c.Takes].Object, " ")
		ns, _, _ = strings.Cut(name, "/")
	}
	var all []string
	for _, w := range s.plan.Behind(d.Host, ns, d.Subset, d.Port) {
		all = append(all, w.Version)
	}
	return all
}
