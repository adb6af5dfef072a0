package harness

import (
	"errors"
	"testing"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports"
)

func TestEndpoints(t *testing.T) {
	provesAs(t, "endpoints", []proved{
		{
			"no endpoints", Endpoints{Subset: "v2", Want: 0},
			&fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {}}},
			reports.Pass, "no endpoints in ns/a",
		},
		{
			"one endpoint", Endpoints{Subset: "v2", Want: 1},
			&fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {All: 1}}},
			reports.Pass, "1 endpoint in ns/a",
		},
		{
			"one proxy has", Endpoints{Subset: "v2", Want: 0},
			&fakeMesh{endpoints: map[string]environment.Hosts{"ns/a": {}, "ns/b": {All: 2}}}, reports.Fail,
			"no endpoints in ns/a, 2 endpoints in ns/b",
		},
		// A cluster that is not there is not a cluster without endpoints.
		{
			"no cluster", Endpoints{Subset: "v2", Want: 0}, &fakeMesh{}, reports.Fail,
			"no proxy with a cluster for the subset",
		},
		{
			"no cluster of a Service", Endpoints{Service: "my-service-v2", Want: 0}, &fakeMesh{}, reports.Fail,
			"no proxy with a cluster for the Service",
		},
		{"out of reach", Endpoints{Subset: "v2", Want: 0}, &fakeMesh{hook: func(string) error {
			return errors.New("connection refused")
		}},
			reports.Inconclusive, "nothing"},
	})
}
