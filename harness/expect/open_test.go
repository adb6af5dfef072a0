package expect

import (
	"testing"

	"github.com/canarylab/canarylab/reports/analysis"
)

// opened is a phase that found so many connections of beta open.
func opened(v1, v2, cut int) analysis.Observation {
	o := settled(analysis.Counts{})
	o.Open = map[string]map[string]analysis.Open{
		"beta": {"v1": {Connections: v1}, "v2": {Connections: v2, Cut: cut}},
	}
	return o
}

func TestOpen(t *testing.T) {
	holds(t, "open", []judged{
		{"as the weights were", Open("beta", "v2", 50), opened(110, 110, 0), pass, ""},
		{"half", Open("beta", "v2", 50), opened(300, 100, 0), fail, "of 400 connections"},
		{"at least", Open("beta", "v2", 25).AtLeast(), opened(300, 180, 0), pass, ""},
		{"not excluded", Open("beta", "v2", 35).AtLeast(), opened(300, 180, 0), inconclusive, "not excluded"},
		{"less", Open("beta", "v2", 50).AtLeast(), opened(300, 180, 0), fail, ""},
		{"none", Open("beta", "v2", 0), opened(200, 0, 0), pass, ""},
		{"one", Open("beta", "v2", 0), opened(200, 1, 0), fail, ""},
		{"few", Open("beta", "v2", 20), opened(8, 2, 0), inconclusive, "10 connections are too few"},
		{"no connections", Open("beta", "v2", 0), settled(analysis.Counts{}), inconclusive, ""},
	})
}

func TestCut(t *testing.T) {
	holds(t, "cut", []judged{
		{"all", Cut("beta", "v2", 100), opened(0, 200, 200), pass, ""},
		{"one less", Cut("beta", "v2", 100), opened(0, 200, 199), fail, ""},
		{"of another version", Cut("beta", "v1", 0), opened(200, 200, 200), pass, ""},
		{"at least", Cut("beta", "v2", 90).AtLeast(), opened(0, 200, 200), pass, ""},
		{"less than at least", Cut("beta", "v2", 90).AtLeast(), opened(0, 200, 100), fail, ""},
		{"few", Cut("beta", "v2", 100), opened(200, 2, 2), inconclusive, "2 connections are too few"},
	})
}
