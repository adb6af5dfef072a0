package harness

import (
	"testing"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

func TestConnections(t *testing.T) {
	with := func(n int) *fakeMesh {
		return &fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {All: 1, Connections: n}}}
	}
	provesAs(t, "connections", []proved{
		{"as many", Connections{Subset: "v2", Want: 7}, with(7), reports.Pass, "7 connections in ns/a"},
		{"none left", Connections{Subset: "v2"}, with(0), reports.Pass, "no connections in ns/a"},
		{"one left", Connections{Subset: "v2"}, with(1), reports.Fail, "1 connection in ns/a"},
		{"more", Connections{Subset: "v2", Want: 7, OrMore: true}, with(8), reports.Pass, "8 connections in ns/a"},
		{"fewer", Connections{Subset: "v2", Want: 7, OrMore: true}, with(6), reports.Fail, "6 connections in ns/a"},
	})
}
