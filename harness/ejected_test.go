package harness

import (
	"testing"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

func TestEjected(t *testing.T) {
	provesAs(t, "ejected", []proved{
		{
			"ejected", Ejected{"v2", 1},
			&fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {All: 2, Ejected: 1}}}, reports.Pass,
			"1 of 2 hosts in ns/a",
		},
		{
			"not ejected", Ejected{"v2", 1}, &fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {All: 2}}},
			reports.Fail, "0 of 2 hosts in ns/a",
		},
		{"nothing to eject", Ejected{"v2", 0}, &fakeMesh{}, reports.Fail, "no proxy with a cluster for the subset"},
	})
}
