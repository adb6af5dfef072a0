package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness"
)

// Twin returns a story as it is played by HTTPRoutes of the Gateway API. The error says why it can't be.
func Twin(s harness.Scenario) (harness.Scenario, error) {
	switch {
	case s.Folder != "":
		return s, fmt.Errorf("the story in %s is played by the API that its manifests have: only the catalogue's "+
			"have twins", s.Folder)
	case !s.HasTwin():
		return s, fmt.Errorf("%s can't be played by HTTPRoutes: %s", s.Name, s.OnlyIstio)
	}
	twin := s.WithHTTPRoutes()
	if change := twinChanges[s.Name]; change != nil {
		change(&twin)
	}
	for _, text := range []*string{&twin.Title, &twin.Cause, &twin.Fix, &twin.Back} {
		*text = httpRoutes.Replace(*text)
	}
	twin.See = slices.Clone(twin.See)
	for i, text := range twin.See {
		twin.See[i] = httpRoutes.Replace(text)
	}
	return twin, nil
}

// httpRoutes are the words of a twin where those of its story are VirtualServices'.
var httpRoutes = strings.NewReplacer("A VirtualService", "An HTTPRoute", "a VirtualService", "an HTTPRoute",
	"VirtualService", "HTTPRoute", "virtualservice", "httproute",
	"subset v2", "Service my-service-v2", "80.v2.", "80..my-service-v2.")

// twinChanges are what is another thing in a twin, beside the manifests: words about subsets, and what istioctl analyze
// finds, which looks at subsets and at no Service of a version.
var twinChanges = map[string]func(*harness.Scenario){
	"weighted-rollout": func(s *harness.Scenario) {
		p := phase(s, "subsets without v1")
		p.Name, p.Do = "Service of v1 deleted", harness.Delete("7-service-of-v1.yaml")
	},
	"label-mismatch": func(s *harness.Scenario) {
		s.Title = strings.Replace(s.Title, "A subset whose labels match", "A Service whose selector matches", 1)
		s.Story = "v2 runs and is ready. The canary's route gives its Service, my-service-v2, 10 %, and with the " +
			"route comes a selector that asks for version: v2.0. The pods are labelled version: v2. A tenth of the " +
			"requests fails, v2 gets none. The route is rolled back, the selector is fixed, and the same route works."
		s.Cause = "The Service my-service-v2 selects version: v2.0, and no pod has that label. Istio builds an Envoy " +
			"cluster for it all the same, without endpoints. The route goes on to pick that Envoy cluster for its " +
			"share of the requests, and Envoy answers each of them itself: 503 with response flag UH, " +
			"no_healthy_upstream. The other Service does not step in, and the canary's own metrics stay clean."
		s.See = []string{
			"kubectl get pods --show-labels: the pods say version=v2.",
			"kubectl get service my-service-v2 -o yaml: its selector says v2.0.",
			"kubectl get endpointslices -l kubernetes.io/service-name=my-service-v2: no endpoints.",
			"kubectl logs deploy/load-client -c istio-proxy: 503 UH no_healthy_upstream, and no pod's address.",
		}
		s.Fix = "Roll the HTTPRoute back first: that ends the errors. Then let the Service select only labels that " +
			"the canary's pods carry, wait until it has endpoints (kubectl get endpointslices), and only then give " +
			"it weight again. istioctl analyze says nothing of such a Service, and the route's own status neither: " +
			"the Service is there, so that its references are resolved."
		phase(s, "canary at 10 %").Prove = proofs{
			harness.Endpoints{Service: "my-service-v2"}, harness.ReadyPods{Version: "v2", Want: 1}, harness.Analysis{},
		}
		phase(s, "subset fixed").Name = "selector fixed"
	},
	"canary-scaled-to-zero": func(s *harness.Scenario) {
		phase(s, "v2 scaled to 0").Prove = proofs{
			harness.Endpoints{Service: "my-service-v2"}, harness.ReadyPods{Version: "v1", Want: 1}, harness.Analysis{},
		}
	},
}

// phase is the phase of that name, for a change.
func phase(s *harness.Scenario, name string) *harness.Phase {
	i := slices.IndexFunc(s.Phases, func(p harness.Phase) bool { return p.Name == name })
	return &s.Phases[i]
}

// Play returns stories as they are played by an API: by their own where it is empty, by HTTPRoutes for
// harness.GatewayAPI. left are those that can't be.
func Play(all []harness.Scenario, api string) (list, left []harness.Scenario, err error) {
	switch api {
	case "":
		return all, nil, nil
	case harness.GatewayAPI:
	default:
		return nil, nil, fmt.Errorf("no API %q (there is: %s, for HTTPRoutes of the Gateway API; without it each "+
			"story has its own)", api, harness.GatewayAPI)
	}
	for _, s := range all {
		twin, err := Twin(s)
		if err != nil {
			left = append(left, s)
			continue
		}
		list = append(list, twin)
	}
	return list, left, nil
}

// APIVariable sets the API for whoever has no flags to give: go test, and make.
const APIVariable = "CANARYLAB_API"
