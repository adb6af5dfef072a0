package routes

import (
	"strings"
	"testing"
)

func TestRouterChecks(t *testing.T) {
	table := read(t, "a.yaml", reviews+"  - match: [{uri: {prefix: /api}}]\n"+route("v2")+
		"  - match: [{uri: {prefix: /half}}]\n    route:\n"+
		"    - {destination: {host: reviews, subset: v1}, weight: 50}\n"+
		"    - {destination: {host: reviews, subset: v2}, weight: 50}\n  -\n"+route("v1"))
	got, unsaid, err := table.RouterChecks([]byte(`
tests:
- test_name: API to v2
  input:
    authority: reviews
    path: /api
    method: POST
    additional_request_headers: [{key: a, value: b}]
  validate:
    cluster_name: outbound|9080|v2|reviews.shop.svc.cluster.local
    virtual_host_name: reviews
- test_name: drawn
  input: {authority: reviews, path: /half, random_value: 7}
  validate: {cluster_name: outbound|9080|v1|reviews.shop.svc.cluster.local}
- test_name: no cluster
  input: {authority: reviews, path: /x}
  validate: {cluster_name: ""}
- test_name: elsewhere
  input: {authority: reviews, path: /x}
  validate: {cluster_name: instant-server}
- test_name: rewrite alone
  input: {authority: reviews, path: /x, internal: true}
  validate: {path_rewrite: /y}
`))
	if err != nil {
		t.Fatal(err)
	}
	const full = "reviews.shop.svc.cluster.local"
	c := named(t, got, "api-to-v2")
	if c.Request.Method != "POST" || c.Request.Header["a"] != "b" || c.Takes != 0 ||
		!equal(c.Want, Want{Destinations: []Destination{{full, 9080, "v2", 100}}}) {
		t.Errorf("got %+v, want a POST with a header that goes to v2", c)
	}
	if c = named(t, got, "drawn"); len(c.Want.Destinations) != 2 || c.Want.Destinations[0].Percent != 50 {
		t.Errorf("got %+v, want both clusters of the route, with their weights", c.Want)
	}
	if c = named(t, got, "no-cluster"); c.Want.Status != 404 {
		t.Errorf("got %+v, want 404 where no cluster is expected", c.Want)
	}
	if len(got) != 3 {
		t.Errorf("got %d classes, want 3: what requests can't say is not sent", len(got))
	}
	all := strings.Join(unsaid, "\n")
	for _, want := range []string{
		"test API to v2: validate.virtual_host_name is not looked at",
		`test elsewhere: it is not sent: the cluster "instant-server" is none of Istio's`,
		"test rewrite alone: no request is internal", "test rewrite alone: it is not sent: it asks for nothing",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("got\n%s\nwant %q", all, want)
		}
	}
}

func TestRouterChecksThatAreWrong(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", "there is none"}, {"[{test_name: a}]", "API v1"}, {"tests: [{a: b}]", `unknown field "a"`},
		{"tests: [{test_name: a, validate: {cluster_name: b}}]", "tests[0] (a): input needs authority and path"},
		{"tests: [{input: {authority: a, path: b}, validate: {cluster_name: b}}]", "does not begin with a slash"},
		{"tests: [{input: {authority: a, path: /}}]", "validate is missing"},
		{"tests: [{input: {authority: a, path: /}, validate: {cluster_name: 3}}]", "cluster_name is a text"},
	} {
		if _, _, err := (read(t, "a.yaml", reviews)).RouterChecks([]byte(c.file)); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", c.file, err, c.want)
		}
	}
}
