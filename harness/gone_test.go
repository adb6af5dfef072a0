package harness

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestGone(t *testing.T) {
	provesAs(t, "gone", []proved{
		{"not gone", Gone{"v2"}, &fakeMesh{}, reports.Fail, "2 pods"},
	})
}
