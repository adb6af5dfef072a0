package harness

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/environment"
)

// GatewayAPI is the API of a twin, as Scenario.API and the command line have it.
const GatewayAPI = "gateway"

// TwinFolder is the folder, in a scenario's own, with the manifests of its twin.
const TwinFolder = "gateway-api"

// HasTwin tells whether the scenario has manifests by which WithHTTPRoutes is played.
func (s Scenario) HasTwin() bool {
	if s.Files == nil {
		return false
	}
	found, err := fs.Glob(s.Files, path.Join(s.Name, TwinFolder, "*.yaml"))
	return err == nil && len(found) > 0
}

// WithHTTPRoutes returns the scenario's twin: the same load, phases and claims, by manifests of the folder gateway-api
// that have the Gateway API's HTTPRoutes in the place of VirtualServices. An HTTPRoute sends to Services and knows no
// subset. So each version has a Service of its own, such as my-service-v2 in the place of subset v2, and that is what
// proofs and gates ask for.
func (s Scenario) WithHTTPRoutes() Scenario {
	s.API, s.OnlyIstio, s.Files = GatewayAPI, "", twinFiles{s.Files}
	s.Title += " (by HTTPRoutes)"
	s.Story = "An HTTPRoute of the Gateway API takes the place of the VirtualService, and a Service for each version " +
		"that of a subset. " + s.Story
	s.Phases = slices.Clone(s.Phases)
	for i, p := range s.Phases {
		if file, reverts := p.Do.(Revert); reverts {
			p.Do = RevertHTTPRoute(file)
		}
		p.Await, p.Prove = byService(p.Await), byService(p.Prove)
		if gate, asks := p.Until.(Gate); asks {
			p.Until = gate.byService()
		}
		s.Phases[i] = p
	}
	return s
}

// serviceOf is the Service of a version of its own, by its subset.
func serviceOf(subset string) string { return environment.Service + "-" + subset }

// byService are proofs of a version's own Service in the place of proofs of its subset.
func byService(proofs []Proof) []Proof {
	all := slices.Clone(proofs)
	for i, proof := range all {
		if e, counts := proof.(Endpoints); counts && e.Subset != "" {
			all[i] = Endpoints{Service: serviceOf(e.Subset), Want: e.Want}
		}
	}
	return all
}

// byService is the gate that asks for a version's own Service.
func (g Gate) byService() Gate {
	g.Checks = slices.Clone(g.Checks)
	for i, c := range g.Checks {
		if subset := c.spot.subset; subset != "" {
			from, to := clusterSeries(environment.Service, subset), clusterSeries(serviceOf(subset), "")
			g.Checks[i].Query = strings.ReplaceAll(c.Query, from, to)
			g.Checks[i].Series = strings.ReplaceAll(c.Series, from, to)
		}
	}
	return g
}

// twinFiles are the manifests of a scenario's twin, under the names that those of the scenario have.
type twinFiles struct{ of fs.FS }

// Open opens label-mismatch/gateway-api/2-canary.yaml for label-mismatch/2-canary.yaml.
func (f twinFiles) Open(name string) (fs.File, error) {
	scenario, rest, _ := strings.Cut(name, "/")
	return f.of.Open(path.Join(scenario, TwinFolder, rest))
}
