package routetest

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/routes"
	"github.com/canarylab/canarylab/reports"
)

// addCases makes the classes of test cases, and returns what is claimed of them and what can't be said in requests.
func (s *sender) addCases(e *Expectations) (claims []expect.Expectation, remarks []reports.RoutingRemark, err error) {
	if e == nil {
		return nil, nil, nil
	}
	side := s.sides[0]
	names := map[string]bool{}
	for _, c := range s.sent {
		names[c.Name] = true
	}
	for _, f := range e.cases {
		var all []routes.Class
		var unsaid []string
		if f.envoy {
			all, unsaid, err = side.Table.RouterChecks(f.text)
		} else {
			all, err = side.Table.TestCases(f.text)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %s: %w", ErrExpectations, f.name, err)
		}
		for _, text := range unsaid {
			remarks = append(remarks, reports.RoutingRemark{Kind: "unsaid", Source: f.name, Text: text + "."})
		}
		for _, c := range all {
			name := c.Name
			for n := 2; names[name]; n++ {
				name = c.Name + "-" + strconv.Itoa(n)
			}
			names[name] = true
			one := s.class(side, name, cmp.Or("case: "+c.Why, "case"), c.Request)
			places := placesOf(c.Want)
			one.cohort.Rate = max(s.need(one), requests(places))
			if one.unsent == "" {
				claims = append(claims, expect.Case(name, c.Not, one.cohort.Rate, places...))
			}
			if c.Want.Location != "" {
				remarks = append(remarks, reports.RoutingRemark{Kind: "unsaid", Source: f.name, Text: fmt.Sprintf(
					"case %s: where its redirect leads is not looked at, only its status.", c.Why)})
			}
			s.sent = append(s.sent, one)
		}
	}
	return claims, remarks, nil
}

// placesOf are those of what is wanted.
func placesOf(w routes.Want) []reports.Place {
	var all []reports.Place
	for _, d := range w.Destinations {
		all = append(all, reports.Place{Host: d.Host, Port: d.Port, Subset: d.Subset, Percent: d.Percent})
	}
	if w.StatusPercent > 0 {
		all = append(all, reports.Place{Status: w.Status, Percent: w.StatusPercent})
	}
	return all
}
