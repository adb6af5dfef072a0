package routes

import (
	"slices"
	"strings"
	"testing"
)

const root = shop + `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: shop}
spec:
  hosts: [reviews]
  http:
  - name: top
    match: [{uri: {prefix: /api}}, {uri: {prefix: /v2}, headers: {beta: {}}}]
    timeout: 3s
    delegate: {name: leaf, namespace: team}
  - route: [{destination: {host: web}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: leaf, namespace: team}
spec:
  http:
  - name: items
    match:
    - uri: {prefix: /api/items}
    route: [{destination: {host: items}}]
  - match:
    - uri: {prefix: /other}
    route: [{destination: {host: lost}}]
  - match:
    - uri: {regex: /api/.*}
    route: [{destination: {host: lost}}]
  - route: [{destination: {host: rest}}]
`

func TestDelegates(t *testing.T) {
	table := read(t, "a.yaml", root)
	var got []string
	for _, r := range table.Rules {
		got = append(got, r.Object+" "+r.Path+" "+r.Name+" "+r.Action.Destinations[0].Host)
	}
	leaf := "VirtualService team/leaf "
	want := []string{
		leaf + "http[0].match[0] top-items items.team.svc.cluster.local",
		leaf + "http[3] top rest.team.svc.cluster.local",
		leaf + "http[3] top rest.team.svc.cluster.local",
		"VirtualService shop/root http[1]  web.shop.svc.cluster.local",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got rules\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r := table.Rules[0]; r.Root != "VirtualService shop/root" || r.Timeout == nil || r.Source.Line != 43 {
		t.Errorf("got root %q, timeout %v at line %d, want those of the root and the delegate's line 43",
			r.Root, r.Timeout, r.Source.Line)
	}
	for path, rule := range map[string]int{"/api/items": 0, "/api/x": 1, "/v2": 3, "/other": 3} {
		if got, _ := table.Match(in(path)); got != rule {
			t.Errorf("%s: got rule %d, want %d", path, got, rule)
		}
	}
	if got, _ := table.Match(in("/v2", "beta", "1")); got != 2 {
		t.Errorf("/v2 with the root's header: got rule %d, want 2", got)
	}
	var left []string
	for _, f := range table.Findings {
		if f.Kind == Delegate {
			left = append(left, f.Text)
		}
	}
	if len(left) != 2 || !strings.Contains(left[0], "http[1].match[0]") || !strings.Contains(left[1],
		"http[2].match[0]") {
		t.Errorf("got %q, want the path beside and the regex", left)
	}
	checkClasses(t, table)
}

func TestDelegatesThatAreNotThere(t *testing.T) {
	for _, c := range []struct{ delegate, want string }{
		{"", "which is not among the objects"},
		{"  hosts: [x]\n", "which has hosts of its own"},
		{"  exportTo: [other]\n", "which is not exported to namespace shop"},
	} {
		stream := reviews + "  - delegate: {name: d}\n"
		if c.delegate != "" {
			stream += "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n" +
				"metadata: {name: d, namespace: shop}\nspec:\n" + c.delegate +
				"  http: [{route: [{destination: {host: web}}]}]\n"
		}
		table := read(t, "a.yaml", stream)
		if !slices.ContainsFunc(table.Findings, func(f Finding) bool {
			return f.Kind == Delegate && strings.Contains(f.Text, c.want) && f.Object == "VirtualService shop/reviews"
		}) {
			t.Errorf("got %+v, want a finding with %q", table.Findings, c.want)
		}
	}
}
