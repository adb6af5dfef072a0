// Package suite is the Gateway API's conformance suite as a module of its own, so that nobody who imports canarylab is
// tied to its dependencies.
package suite

import (
	"fmt"
	"os"
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

// TestMain prints the report that REPORT names, between the two lines by which harness/conformance knows it: the suite
// runs in a pod, where its log is all that is left of it.
func TestMain(m *testing.M) {
	code := m.Run()
	if report, err := os.ReadFile(os.Getenv("REPORT")); err == nil {
		fmt.Printf("\n--- report\n%s\n--- end of the report\n", report)
	}
	os.Exit(code)
}

// TestConformance asks the cluster that it runs in. The suite's flags say what for; harness/conformance sets them.
func TestConformance(t *testing.T) { conformance.RunConformance(t) }
