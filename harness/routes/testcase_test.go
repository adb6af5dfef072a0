package routes

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/loadgen"
)

func TestTestCases(t *testing.T) {
	table := read(t, "a.yaml", reviews+"  - match: [{uri: {prefix: /api}}]\n"+route("v2")+"  "+
		"-\n"+route("v1")+"---\n"+ingress+
		vs("a", "  hosts: [shop.example.com]\n  gateways: [edge/ingress]\n"+toWeb))
	got, err := table.TestCases([]byte(`
testCases:
- description: Users of the API
  wantMatch: true
  request: {authority: [reviews], method: [GET, POST], uri: [/api, "/api/x?y=z"], headers: {a: b}}
  route: [{destination: {host: reviews, subset: v2}}]
- description: from outside
  wantMatch: false
  request: {authority: [shop.example.com], method: [GET], uri: [/]}
  route:
  - {destination: {host: reviews.shop.svc.cluster.local, port: {number: 9080}}, weight: 30}
  - {destination: {host: web}, weight: 70}
- description: gone
  wantMatch: true
  request: {authority: [x.test], method: [GET], uri: [/]}
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 6 {
		t.Fatalf("got %d classes, want 4 and 1 and 1", len(got))
	}
	c := named(t, got, "users-of-the-api-4")
	full := "reviews.shop.svc.cluster.local"
	if c.Takes != 0 || c.Not || c.Request.Method != "POST" || c.Request.Path != "/api/x?y=z" ||
		c.Request.Port != 9080 ||
		!equal(c.Want, Want{Destinations: []Destination{{full, 0, "v2", 100}}}) {
		t.Errorf("got %+v, want the last combination, at the Service's port", c)
	}
	c = named(t, got, "from-outside")
	if !c.Not || c.Takes != 2 || c.Request.Entry != loadgen.Gateway || c.Request.Gateway != "edge/ingress" ||
		!equal(c.Want.Destinations, []Destination{{full, 9080, "", 30}, {"web.shop.svc.cluster.local", 0, "", 70}}) {
		t.Errorf("got %+v, want a request at the gateway that must not have this route", c)
	}
	if c = named(t, got, "gone"); c.Want.Status != 404 {
		t.Errorf("got %+v, want 404 where no route is expected", c)
	}
}

func TestTestCasesThatAreWrong(t *testing.T) {
	one := func(s string) string { return "testCases:\n- {description: a, " + s + "}\n" }
	const request = "request: {authority: [a], method: [GET], uri: [/]}"
	for _, c := range []struct{ file, want string }{
		{"", "there is none"},
		{"a: b", `unknown field "a"`},
		{one(request), "testCases[0] (a): wantMatch is missing"},
		{one("wantMatch: true"), "request is missing"},
		{one("wantMatch: true, request: {authority: [a]}"), "at least one authority, one method and one uri"},
		{one("wantMatch: true, request: {authority: [a], method: [GET], uri: [a]}"), "does not begin with a slash"},
		{one("wantMatch: true, " + request + ", route: {a: b}"), "route has to be a list"},
		{one("wantMatch: true, " + request + ", route: [{weight: 1}]"), "route[0] has no destination.host"},
		{one("wantMatch: true, " + request + ", delegate: {name: a}"), "the destinations of the delegate's route"},
		{one("wantMatch: true, " + request + ", rout: []"), `unknown field "rout"`},
	} {
		if _, err := (read(t, "a.yaml", reviews)).TestCases([]byte(c.file)); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("got error %v, want %q", err, c.want)
		}
	}
}
