package missions

import (
	"fmt"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/analysis"
)

// limit lets each pod of v2 have so many requests a second.
func limit(rate int) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: my-service-v2}
spec:
  workloadSelector: {labels: {app: my-service, version: v2}}
  priority: 10
  configPatches:
  - applyTo: HTTP_FILTER
    match:
      context: SIDECAR_INBOUND
      listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.local_ratelimit
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          stat_prefix: my_service
          token_bucket: {max_tokens: %[1]d, tokens_per_fill: %[1]d, fill_interval: 1s}
          filter_enabled: {default_value: {numerator: 100, denominator: HUNDRED}}
          filter_enforced: {default_value: {numerator: 100, denominator: HUNDRED}}
`, rate)
}

var canaryRateLimit = training.Mission{
	Well: "canary at 10 %", Broken: "local rate limit",
	// v2 gets 50 of 500 requests a second, and answers 10.
	Hurts: expect.Flag(429, "-", 8),
	Diagnosis: training.Diagnosis{
		Hops: []analysis.Hop{analysis.ServerHop}, Flags: []string{"RL"}, Causes: []training.Cause{training.RateLimit},
	},
	Hints: training.Hints{
		"The callers' proxies pass the errors on, and the app of v2 never hears of those requests: its sidecar " +
			"refuses them.",
		"It refuses what is more than a number a second, whatever is under way at once. A connection pool has no rate.",
		"kubectl get envoyfilters, and kubectl logs deploy/my-service-v2 -c istio-proxy | tail. v2 gets 50 requests " +
			"a second.",
	},
	Sees: []string{
		"429 RL local_rate_limited in the log of v2's sidecar; the callers' proxies have the same 429 without a flag.",
		"No rule that counts server errors: a 429 is none. Nothing of the app, which is well and has little to do.",
	},
	Wrong: []training.Try{
		routeBack, restartV2,
		{Name: "the pool is taken out", Apply: subsets(subset("v1", "v1"), subset("v2", "v2")), Want: training.Broken},
		{Name: "v2 gets three pods", Scale: map[string]int32{"my-service-v2": 3}, Want: training.Broken},
	},
	Right: []training.Try{
		{Name: "the limit is taken out", Delete: limit(10)},
		{Name: "the limit is made to fit", Apply: limit(200)},
	},
}
