// Package suite is the Gateway API's conformance suite as a module of its own, so that nobody who imports canarylab is
// tied to its dependencies.
package suite

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

// TestConformance asks the cluster of KUBECONFIG. The suite's flags say what for; harness/conformance sets them.
func TestConformance(t *testing.T) { conformance.RunConformance(t) }
