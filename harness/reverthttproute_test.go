package harness

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/canarylab/canarylab/reports"
)

// A revert writes the route and nothing else.
func TestRevertHTTPRoute(t *testing.T) {
	const file = "1-baseline.yaml"
	saysWhatItDoes(t, RevertHTTPRoute(file), "kubectl apply the HTTPRoute of 1-baseline.yaml", reports.Action{
		Kind: "revert-http-route", Brief: "apply route of 1-baseline", File: file, Only: []string{"HTTPRoute"},
	})
	s := Scenario{Name: "demo", Files: fstest.MapFS{"demo/" + file: {Data: []byte(`
{apiVersion: v1, kind: Service, metadata: {name: my-service, namespace: demo}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: my-service, namespace: demo}}
`)}}}
	objects, deleted, err := RevertHTTPRoute(file).writes(s)
	if err != nil || len(deleted) > 0 || len(objects) != 1 || objects[0].GetKind() != "HTTPRoute" {
		t.Errorf("got %v, %v, want the HTTPRoute", objects, err)
	}
	if err := Revert(file).check(s, map[string]bool{file: true}); err == nil ||
		!strings.Contains(err.Error(), "no VirtualService") {
		t.Errorf("a file without a VirtualService: got %v", err)
	}
	if err := RevertHTTPRoute(file).check(s, nil); err == nil {
		t.Error("a file that no phase applied: got no error")
	}
}
