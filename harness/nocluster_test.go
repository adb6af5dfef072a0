package harness

import (
	"testing"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

func TestNoCluster(t *testing.T) {
	provesAs(t, "no-cluster", []proved{
		{"no cluster wanted", NoCluster{"v2"}, &fakeMesh{}, reports.Pass, "no proxy with one"},
		{
			"a cluster", NoCluster{"v2"}, &fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {}}}, reports.Fail,
			"one in ns/a",
		},
	})
}
