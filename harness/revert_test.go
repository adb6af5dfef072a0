package harness

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

// A revert writes the route and nothing else.
func TestRevert(t *testing.T) {
	saysWhatItDoes(t, Revert("1-baseline.yaml"), "kubectl apply the VirtualService of 1-baseline.yaml",
		reports.Action{
			Kind: "revert", Brief: "apply route of 1-baseline", File: "1-baseline.yaml",
			Only: []string{"VirtualService"},
		})
	objects, _, err := Revert("1-baseline.yaml").writes(story())
	if err != nil || len(objects) != 1 || objects[0].GetKind() != "VirtualService" ||
		objects[0].GetAnnotations()["route"] != "v1" {
		t.Errorf("got %v, %v, want the VirtualService", objects, err)
	}
}
