package routetest

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/canarylab/canarylab/reports"
)

// tokens are remarks that no request of the lab has a token, one for each RequestAuthentication: a key that the jwks
// knows is its issuer's secret, and with another jwks it would not be the team's object any more.
func tokens(side *Side) []reports.RoutingRemark {
	var all []reports.RoutingRemark
	for _, o := range side.Plan.Routing() {
		if o.GetKind() != "RequestAuthentication" {
			continue
		}
		rules, _, _ := unstructured.NestedSlice(o.Object, "spec", "jwtRules")
		var issuers []string
		for _, r := range rules {
			rule, _ := r.(map[string]any)
			if issuer, _ := rule["issuer"].(string); issuer != "" {
				issuers = append(issuers, issuer)
			}
		}
		if len(issuers) == 0 {
			continue
		}
		const text = "No request of the lab has a token of %s: the key that signs them is not in the manifests. " +
			"What is denied without a token is expected to be."
		const do = "To try one of yours, run with --keep, and send a request with it from a pod of your own in " +
			"namespace %s."
		all = append(all, reports.RoutingRemark{
			Kind: "no-token", Source: o.Source.String(),
			Object: o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName(),
			Text:   fmt.Sprintf(text, strings.Join(issuers, ", ")), Do: fmt.Sprintf(do, o.GetNamespace()),
		})
	}
	return all
}
