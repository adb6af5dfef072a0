package routes

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/loadgen"
)

// A testCase is a case of istio-config-validator's test files (github.com/getyourguide/istio-config-validator,
// docs/test-cases.md): requests in all combinations, and the destinations that they are to have.
type testCase struct {
	Description string          `json:"description"`
	WantMatch   *bool           `json:"wantMatch"`
	Request     *testRequest    `json:"request"`
	Route       json.RawMessage `json:"route"`
	Redirect    json.RawMessage `json:"redirect"`

	// These are read so that a file that has them is not refused. They say nothing of where a request goes.
	Rewrite  json.RawMessage `json:"rewrite"`
	Fault    json.RawMessage `json:"fault"`
	Headers  json.RawMessage `json:"headers"`
	Delegate json.RawMessage `json:"delegate"`
}

type testRequest struct {
	Authority []string          `json:"authority"`
	Method    []string          `json:"method"`
	URI       []string          `json:"uri"`
	Headers   map[string]string `json:"headers"`
}

// TestCases reads a file of test cases as istio-config-validator has them, with one class for each combination of
// authority, method and uri. Each class has what the file expects as Want, turned around by Not where wantMatch is
// false, and by Takes which rule takes it by the table. A host that a gateway of the table has is asked for there,
// any other one in the mesh, from the namespace of the first object that has rules for it.
//
// Short names of destinations are resolved as in the rule that takes the request. The port of a destination is 0
// where the file has none. An error says which case is wrong, counted from 0, and what to do.
func (t Table) TestCases(data []byte) ([]Class, error) {
	var file struct {
		TestCases []testCase `json:"testCases"`
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, fmt.Errorf("read test cases: %w", err)
	}
	if len(file.TestCases) == 0 {
		return nil, errors.New("read test cases: there is none: write them as a list under testCases")
	}
	c := &classes{table: t, names: map[string]bool{}}
	for i, tc := range file.TestCases {
		if err := c.cases(tc); err != nil {
			return nil, fmt.Errorf("read testCases[%d] (%s): %w", i, tc.Description, err)
		}
	}
	return c.all, nil
}

// cases adds the classes of a test case.
func (c *classes) cases(tc testCase) error {
	switch {
	case tc.WantMatch == nil:
		return errors.New("wantMatch is missing: write true if the requests are to go to the route, or false")
	case tc.Request == nil:
		return errors.New("request is missing")
	case len(tc.Request.Authority) == 0, len(tc.Request.Method) == 0, len(tc.Request.URI) == 0:
		return errors.New("request needs at least one authority, one method and one uri")
	}
	for _, host := range tc.Request.Authority {
		for _, method := range tc.Request.Method {
			for _, uri := range tc.Request.URI {
				if !strings.HasPrefix(uri, "/") {
					return fmt.Errorf("the uri %q does not begin with a slash", uri)
				}
				q := c.table.caller(host)
				q.Method, q.Path, q.Header = method, uri, tc.Request.Headers
				takes, _ := c.table.Match(q)
				want, err := c.table.expected(tc, takes, q)
				if err != nil {
					return err
				}
				name := tc.Description
				if name == "" {
					name = host + " " + method + " " + uri
				}
				c.all = append(c.all, Class{
					Name: c.unique(name), Rule: -1, Kind: Case, Why: tc.Description, Request: q, Takes: takes,
					Want: want,
					Not:  !*tc.WantMatch,
				})
			}
		}
	}
	return nil
}

// caller returns a request to a host, from where the table has rules for it.
func (t Table) caller(name string) Request {
	bare, _, _ := strings.Cut(strings.ToLower(name), ":")
	var mesh *Request
	for _, b := range t.world.bindings {
		for _, g := range b.gateways {
			for _, q := range t.basesOf(b, g, 0) {
				if g != Mesh {
					// Its host stands for all that the server and the rules have in common.
					q.Host = name
					if d := t.decide(q); d.routed && len(d.among) > 0 {
						return q
					}
					continue
				}
				full := t.world.called(bare, b.caller())
				if mesh == nil && (q.Host == bare || q.Host == full) {
					q.Host = name
					mesh = &q
				}
			}
		}
	}
	if mesh != nil {
		return *mesh
	}
	return Request{Host: name, Port: 80, Entry: loadgen.Sidecar}
}

// expected is what a test case wants. rule is the one that takes the request by the table, -1 for none.
func (t Table) expected(tc testCase, rule int, q Request) (Want, error) {
	entry := &networking.HTTPRoute{}
	if len(tc.Redirect) > 0 {
		entry.Redirect = &networking.HTTPRedirect{}
		if err := json.Unmarshal(tc.Redirect, entry.Redirect); err != nil {
			return Want{}, fmt.Errorf("redirect: %w", err)
		}
	}
	var route []json.RawMessage
	if len(tc.Route) > 0 {
		if err := json.Unmarshal(tc.Route, &route); err != nil {
			return Want{}, fmt.Errorf("route has to be a list of destinations: %w", err)
		}
	}
	ns := q.SourceNamespace
	if rule >= 0 {
		ns = t.Rules[rule].object.GetNamespace()
	}
	for i, raw := range route {
		d := &networking.HTTPRouteDestination{}
		if err := json.Unmarshal(raw, d); err != nil {
			return Want{}, fmt.Errorf("route[%d]: %w", i, err)
		}
		if d.GetDestination().GetHost() == "" {
			return Want{}, fmt.Errorf("route[%d] has no destination.host", i)
		}
		d.Destination.Host = qualify(d.Destination.Host, ns)
		entry.Route = append(entry.Route, d)
	}
	action, _ := actionOf(entry)
	switch action.Kind {
	case ActionNone:
		// Of the delegate alone, or of nothing: no rule is to take it.
		if len(tc.Delegate) > 0 {
			return Want{}, errors.New("it has a delegate and no route: write the destinations of the delegate's route")
		}
		return Want{Status: 404, StatusPercent: 100}, nil
	case ActionRoute:
		return Want{Destinations: action.Destinations}, nil
	default:
		return Want{Status: action.Status, StatusPercent: 100, Location: action.Location}, nil
	}
}
