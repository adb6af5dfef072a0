package routetest

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/loadgen"
)

// addOwn makes the classes of a canary.yaml's cohorts. fixed gets the rates that it sets.
func (s *sender) addOwn(e *Expectations, fixed map[string]int) error {
	if e == nil || e.canary == nil {
		return nil
	}
	side := s.sides[0]
	for i, c := range e.canary.Cohorts {
		q, err := s.requestOf(c)
		if err != nil {
			return fmt.Errorf("%w:\n%w", ErrExpectations, e.canary.Wrong(i, err.Error()))
		}
		one := s.class(side, c.Name, "cohort "+c.Name, q)
		if one.Want.Unknown && one.unsent == "" {
			names := side.names()
			one.unsent = fmt.Sprintf("no Service and no rule of the manifests is for %s%s (there are the Services %s)",
				q.Host, manifest.Hint(q.Host, names), strings.Join(names, ", "))
		}
		if one.unsent != "" {
			return fmt.Errorf("%w:\n%w", ErrExpectations,
				e.canary.Wrong(i, fmt.Sprintf("cohort %s can't be sent: %s", c.Name, one.unsent)))
		}
		one.cohort.Copies, one.cohort.Socket = max(one.cohort.Copies, c.Copies), c.Socket
		one.cohort.Rate = max(s.need(one), e.needs(c.Name))
		if c.Rate > 0 {
			fixed[c.Name] = c.Rate
		}
		s.sent = append(s.sent, one)
	}
	return nil
}

// names are those of the Services.
func (s *Side) names() (all []string) {
	for _, svc := range s.Plan.Services {
		all = append(all, svc.Name)
	}
	return all
}

// class makes the class of a request of somebody's own, with the name as its cohort's.
func (s *sender) class(side *Side, name, why string, q routes.Request) sent {
	takes, ok := side.Table.Match(q)
	if !ok {
		takes = -1
	}
	one := sent{side: side, Class: routes.Class{
		Name: name, Rule: -1, Kind: routes.Case, Why: why, Request: q, Takes: takes, Want: side.Table.Want(q),
	}}
	one.cohort, one.here, one.from, one.unsent = s.cohort(side, one.Class, nil)
	return one
}

// requestOf is what a cohort sends.
func (s *sender) requestOf(c loadgen.Cohort) (routes.Request, error) {
	if loadgen.HasToken(c.URL) {
		return routes.Request{}, errors.New("the url has a token, and URLs are in logs and reports: send it in a " +
			"header")
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return routes.Request{}, fmt.Errorf("the url %q is none: write what is asked for, such as http://reviews.shop/",
			c.URL)
	}
	q := routes.Request{
		Host: u.Hostname(), Port: usualPorts[u.Scheme], Method: c.Method, Path: cmp.Or(u.RequestURI(), "/"),
		Scheme: u.Scheme, Entry: c.Via(), SourceNamespace: s.home,
	}
	if port := u.Port(); port != "" {
		if q.Port, err = strconv.Atoi(port); err != nil {
			return q, fmt.Errorf("the url %q has a port that is no number", c.URL)
		}
	}
	if q.Entry != loadgen.Gateway {
		// As the namespace's callers have it, whose DNS completes a name. Rules know the full one.
		name, rest, dotted := strings.Cut(q.Host, ".")
		ns, _, _ := strings.Cut(rest, ".")
		if !dotted {
			ns = s.home
		}
		if to, ok := s.sides[0].Plan.Resolve(name, ns); ok && (!dotted || to.Host() == q.Host ||
			strings.HasPrefix(to.Host(), q.Host+".")) {
			q.Host = to.Host()
		}
		q.SourceLabels = map[string]string{"app": addons.SidecarCaller}
	}
	for name, v := range c.Header {
		if strings.EqualFold(name, "host") {
			q.Host = v
			continue
		}
		if q.Header == nil {
			q.Header = map[string]string{}
		}
		q.Header[name] = v
	}
	return q, nil
}

// fix sets the rates of cohorts that have one of their own, and returns how long the claims about them take.
func fix(load *loadgen.Plan, fixed map[string]int, e *Expectations) time.Duration {
	took := time.Duration(0)
	for i := range load.Cohorts {
		c := &load.Cohorts[i]
		if rate := fixed[c.Name]; rate > 0 {
			c.Rate = rate
			took = max(took, time.Duration(float64(e.needs(c.Name))/float64(rate)*float64(time.Second)))
		}
	}
	return took
}
