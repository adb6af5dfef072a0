package harness

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestReadyPods(t *testing.T) {
	provesAs(t, "ready-pods", []proved{
		{"pods", ReadyPods{"v2", 1}, &fakeMesh{}, reports.Pass, "1 pod ready"},
		{"too few pods", ReadyPods{"v2", 2}, &fakeMesh{}, reports.Fail, "1 pod ready"},
	})
}
