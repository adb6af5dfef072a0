// Package missions has the stories of the catalogue that somebody can mend, each with what only a mission has: what is
// right to say of it, hints, and tries that a test makes. Manifests, load and words are those of the story of the same
// name.
package missions

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/scenarios"
)

// byStory has the missions, each without its Story, by its name.
var byStory = map[string]training.Mission{
	"label-mismatch":                    labelMismatch,
	"subset-undefined":                  subsetUndefined,
	"missing-default-route":             missingDefaultRoute,
	"decommission-too-early":            decommissionTooEarly,
	"load-dependent-503":                loadDependent503,
	"canary-scaled-to-zero":             canaryScaledToZero,
	"circuit-breaker-overflow":          circuitBreakerOverflow,
	"canary-without-sidecar":            canaryWithoutSidecar,
	"service-instead-of-virtualservice": serviceInsteadOfVirtualService,
	"ab-client-id":                      abClientID,
	"timeout-slow-canary":               timeoutSlowCanary,
	"mtls-strict-canary":                mtlsStrictCanary,
	"match-order-shadowed":              matchOrderShadowed,
	"grpc-canary":                       grpcCanary,
	"source-ip-routing":                 sourceIPRouting,
	"apply-order":                       applyOrder,
	"canary-5xx-rollback":               canary5xxRollback,
	"canary-rate-limit":                 canaryRateLimit,
	"outlier-single-pod":                outlierSinglePod,
	"client-without-sidecar":            clientWithoutSidecar,
}

// All returns the missions, in the order of the catalogue.
func All() []training.Mission {
	var all []training.Mission
	for _, s := range scenarios.All() {
		if m, ok := byStory[s.Name]; ok {
			m.Story = s
			all = append(all, m)
		}
	}
	return all
}

// Names are the missions', sorted.
func Names() []string { return slices.Sorted(maps.Keys(byStory)) }

// Find returns the mission of that name. The error lists those that there are.
func Find(name string) (training.Mission, error) {
	all := All()
	i := slices.IndexFunc(all, func(m training.Mission) bool { return m.Name() == name })
	if i < 0 {
		return training.Mission{}, fmt.Errorf("no mission %q (there are: %s)", name, strings.Join(Names(), ", "))
	}
	return all[i], nil
}

// atClientProxy is where the caller's proxy makes the errors.
var atClientProxy = []analysis.Hop{analysis.ClientHop}

// noFlag is the flag of requests that do not fail.
var noFlag = []string{"-"}

// route is the service's VirtualService with some rules.
func route(rules ...string) string {
	return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: my-service}\n" +
		"spec: {hosts: [my-service], http: [" + strings.Join(rules, ", ") + "]}\n"
}

// weights is a rule that splits requests between subsets v1 and v2.
func weights(v1, v2 int) string {
	return fmt.Sprintf("{route: [%s, %s]}", to("v1", v1), to("v2", v2))
}

// to is a destination with its weight.
func to(subset string, weight int) string {
	return fmt.Sprintf("{destination: {host: my-service, subset: %s}, weight: %d}", subset, weight)
}

// all is a rule that sends everything that it matches to one subset. match may be empty.
func all(match, subset string) string {
	if match != "" {
		match = "match: [" + match + "], "
	}
	return fmt.Sprintf("{%sroute: [{destination: {host: my-service, subset: %s}}]}", match, subset)
}

// subsets is the service's DestinationRule with some subsets.
func subsets(list ...string) string {
	return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: my-service}\n" +
		"spec: {host: my-service, subsets: [" + strings.Join(list, ", ") + "]}\n"
}

// subset is one of a DestinationRule, with the value of the label version that it asks for.
func subset(name, version string) string {
	return fmt.Sprintf("{name: %s, labels: {version: %s}}", name, version)
}

// service is a Service of the app's pods that have some labels besides.
func service(name, also string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\n" +
		"spec: {selector: {app: my-service" + also + "}, ports: [{name: http, port: 80, targetPort: 8080}]}\n"
}

// deployment is one of the sample app as v2, with further labels and arguments.
func deployment(name string, replicas int, labels, args string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: my-service, version: v2%[3]s}}
  template:
    metadata: {labels: {app: my-service, version: v2%[3]s}}
    spec:
      containers:
      - name: app
        image: canarylab/sampleapp:dev
        args: [--version=v2%[4]s]
        ports: [{containerPort: 8080}, {containerPort: 8081}]
        readinessProbe: {httpGet: {path: /readyz, port: 8081}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 16Mi}}
`, name, replicas, labels, args)
}

// Tries that several missions have.
var (
	routeBack = training.Try{Name: "the route goes back to v1", Apply: route(weights(100, 0)), Want: training.Safe}
	restartV2 = training.Try{Name: "v2 is restarted", Restart: "my-service-v2", Want: training.Broken}
)
