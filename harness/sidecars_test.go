package harness

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestSidecars(t *testing.T) {
	provesAs(t, "sidecars", []proved{
		{"sidecars", Sidecars{"v2", 1}, &fakeMesh{}, reports.Pass, "1 of 1 pod ready"},
		{"a sidecar too many", Sidecars{"v2", 0}, &fakeMesh{}, reports.Fail, "1 of 1 pod ready"},
	})
}
