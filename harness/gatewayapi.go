package harness

import "slices"

// AsksGatewayAPI tells whether the scenario's manifests have objects of the Gateway API, which not every cluster knows.
func (s Scenario) AsksGatewayAPI() bool {
	for _, file := range s.used() {
		all, err := s.parse(file)
		if err == nil && slices.ContainsFunc(all, func(o object) bool {
			return o.GroupVersionKind().Group == "gateway.networking.k8s.io"
		}) {
			return true
		}
	}
	return false
}
