package routes

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// A routerCheck is a test of Envoy's router_check_tool (envoyproxy.io/docs, operations/tools/router_check): a request,
// and what its route is to be.
type routerCheck struct {
	TestName string         `json:"test_name"`
	Input    *checkInput    `json:"input"`
	Validate map[string]any `json:"validate"`
}

type checkInput struct {
	Authority string `json:"authority"`
	Path      string `json:"path"`
	Method    string `json:"method"`
	SSL       bool   `json:"ssl"`
	// These two name what no request can set.
	Internal bool   `json:"internal"`
	Runtime  string `json:"runtime"`
	// RandomValue picks one of a route's weighted clusters.
	RandomValue             uint64        `json:"random_value"`
	AdditionalRequest       []checkHeader `json:"additional_request_headers"`
	AdditionalRequestFormer []checkHeader `json:"additional_headers"`
	AdditionalResponse      []checkHeader `json:"additional_response_headers"`
}

type checkHeader struct {
	Key   string `json:"key"`
	Field string `json:"field"` // what older files call it
	Value string `json:"value"`
}

// RouterChecks reads a file of tests of Envoy's router_check_tool, with a class for each that can be said in requests:
// where its cluster is one of Istio's, or where it asks for a redirect. Each class has what the file expects as Want.
// unsaid says, a sentence each, what else the tests ask for, which requests don't show.
//
// A real proxy draws one of a route's weighted clusters for each request by itself. So a test whose cluster is one of
// several that the table's rule has is about all of them, with their weights.
//
// An error says which test is wrong, counted from 0, and what to do.
func (t Table) RouterChecks(data []byte) (all []Class, unsaid []string, err error) {
	var file struct {
		Tests []routerCheck `json:"tests"`
	}
	if strings.HasPrefix(strings.TrimSpace(string(data)), "[") {
		return nil, nil, errors.New("read the tests: a list alone is the form of Envoy's API v1: write it below tests")
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		return nil, nil, fmt.Errorf("read the tests: %w", err)
	}
	if len(file.Tests) == 0 {
		return nil, nil, errors.New("read the tests: there is none: write them as a list under tests")
	}
	c := &classes{table: t, names: map[string]bool{}}
	for i, rc := range file.Tests {
		lacks, err := c.routerCheck(rc)
		if err != nil {
			return nil, nil, fmt.Errorf("read tests[%d] (%s): %w", i, rc.TestName, err)
		}
		for _, one := range lacks {
			unsaid = append(unsaid, fmt.Sprintf("test %s: %s", cmp.Or(rc.TestName, strconv.Itoa(i)), one))
		}
	}
	return c.all, unsaid, nil
}

// routerCheck adds the class of a test, if requests can say it. unsaid is what they can't.
func (c *classes) routerCheck(rc routerCheck) (unsaid []string, err error) {
	switch {
	case rc.Input == nil || rc.Input.Authority == "" || rc.Input.Path == "":
		return nil, errors.New("input needs authority and path")
	case !strings.HasPrefix(rc.Input.Path, "/"):
		return nil, fmt.Errorf("the path %q does not begin with a slash", rc.Input.Path)
	case len(rc.Validate) == 0:
		return nil, errors.New("validate is missing: write cluster_name or path_redirect")
	}
	in := rc.Input
	if in.Internal {
		unsaid = append(unsaid, "no request is internal to Envoy here (input.internal)")
	}
	if in.Runtime != "" {
		unsaid = append(unsaid, "Istio sets no runtime values (input.runtime)")
	}
	if len(in.AdditionalResponse) > 0 {
		unsaid = append(unsaid, "the app's answers have headers of their own (input.additional_response_headers)")
	}
	for _, key := range slices.Sorted(maps.Keys(rc.Validate)) {
		if key != "cluster_name" && key != "path_redirect" {
			const unseen = "validate.%s is not looked at: where a request goes does not show it"
			unsaid = append(unsaid, fmt.Sprintf(unseen, key))
		}
	}
	q := c.table.caller(in.Authority)
	q.Method, q.Path = cmp.Or(in.Method, "GET"), in.Path
	if in.SSL {
		q.Scheme = "https"
	}
	for _, h := range slices.Concat(in.AdditionalRequest, in.AdditionalRequestFormer) {
		q = q.with(cmp.Or(h.Key, h.Field), h.Value)
	}
	takes, _ := c.table.Match(q)
	want, why, err := c.table.checked(rc, q)
	if err != nil {
		return nil, err
	}
	if why != "" {
		return append(unsaid, why), nil
	}
	c.all = append(c.all, Class{
		Name: c.unique(cmp.Or(rc.TestName, in.Authority+in.Path)), Rule: -1, Kind: Case, Why: rc.TestName, Request: q,
		Takes: takes, Want: want,
	})
	return unsaid, nil
}

// checked is what a test wants of its request. why says why that can't be said in requests.
func (t Table) checked(rc routerCheck, q Request) (want Want, why string, err error) {
	text := func(key string) (string, bool, error) {
		v, ok := rc.Validate[key]
		s, isText := v.(string)
		if ok && !isText {
			return "", false, fmt.Errorf("validate.%s is a text", key)
		}
		return s, ok, nil
	}
	redirect, redirects, err := text("path_redirect")
	if err != nil {
		return want, "", err
	}
	name, named, err := text("cluster_name")
	if err != nil {
		return want, "", err
	}
	said := t.Want(q)
	switch {
	case redirects && redirect != "":
		w := Want{Status: 301, StatusPercent: 100, Location: redirect}
		if said.Location != "" {
			w.Status = said.Status
		}
		return w, "", nil
	case !named:
		return want, "it is not sent: it asks for nothing that requests show", nil
	case name == "":
		return Want{Status: 404, StatusPercent: 100}, "", nil
	}
	to, ok := destinationOfCluster(name)
	if !ok {
		return want, fmt.Sprintf("it is not sent: the cluster %q is none of Istio's for a Service "+
			"(outbound|PORT|SUBSET|HOST)", name), nil
	}
	for _, d := range said.Destinations {
		if d.Host == to.Host && d.Subset == to.Subset && (d.Port == 0 || d.Port == to.Port) && d.Percent < 100 {
			return said, "", nil
		}
	}
	return Want{Destinations: []Destination{to}}, "", nil
}

// destinationOfCluster takes apart the name of a cluster that Istio makes (BuildSubsetKey in
// istio.io/istio/pilot/pkg/model).
func destinationOfCluster(name string) (Destination, bool) {
	part := strings.Split(name, "|")
	if len(part) != 4 || part[0] != "outbound" || part[3] == "" {
		return Destination{}, false
	}
	port, err := strconv.Atoi(part[1])
	return Destination{Host: strings.ToLower(part[3]), Port: port, Subset: part[2], Percent: 100}, err == nil
}
