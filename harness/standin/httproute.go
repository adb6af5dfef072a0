package standin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/apis/v1beta1"
	"sigs.k8s.io/yaml"
)

// gatewayGroup is the API group of the Gateway API.
const gatewayGroup = "gateway.networking.k8s.io"

// kube tells whether an object is one of the Gateway API's.
func (o Object) kube() bool { return o.GroupVersionKind().Group == gatewayGroup }

// gatewayVersions are those of the Gateway API's standard channel that are played, the newest first.
var gatewayVersions = []string{"v1", "v1beta1"}

// judgeGatewayAPI says what becomes of an object of the Gateway API, and why. What the schema allows and the API's
// rules forbid, the API server refuses.
func (o Object) judgeGatewayAPI() (verdict, string) {
	var into any
	switch o.GetKind() {
	case "HTTPRoute":
		into = &gatewayv1.HTTPRoute{}
	case "Gateway":
		into = &gatewayv1.Gateway{}
	default:
		into = &v1beta1.ReferenceGrant{}
	}
	if !slices.Contains(gatewayVersions, o.GroupVersionKind().Version) {
		return refused, fmt.Sprintf("it is played as %s only: write apiVersion: %s/%s",
			strings.Join(gatewayVersions, ", "), gatewayGroup, gatewayVersions[0])
	}
	b, err := json.Marshal(o.Object)
	if err != nil {
		return refused, err.Error()
	}
	if err := yaml.UnmarshalStrict(b, into); err != nil {
		text := strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: ")
		return refused, "the Gateway API would refuse it: " + strings.TrimPrefix(text, "json: ")
	}
	if route, ok := into.(*gatewayv1.HTTPRoute); ok && len(route.Spec.ParentRefs) == 0 {
		return refused, "it has no parentRefs, so that it is for nobody: name a Gateway or a Service as its parent"
	}
	return taken, ""
}

// routeHosts calls add with each Service that an HTTPRoute names, as its parent or behind it.
func (o Object) routeHosts(add func(o Object, host, field string, port int, protocol string)) {
	to := func(ref map[string]any, field string) {
		if text(ref, "name") != "" {
			add(o, text(ref, "name")+"."+refNamespace(o, ref)+suffix, field, number(ref, "port"), "http")
		}
	}
	for _, ref := range list(o.Object, "spec", "parentRefs") {
		if text(ref, "kind") == "Service" { // without a kind it is a Gateway
			to(ref, "spec.parentRefs")
		}
	}
	for _, rule := range list(o.Object, "spec", "rules") {
		refs := list(rule, "backendRefs")
		for _, f := range list(rule, "filters") {
			if mirror, ok := f["requestMirror"].(map[string]any); ok {
				if ref, ok := mirror["backendRef"].(map[string]any); ok {
					refs = append(refs, ref)
				}
			}
		}
		for _, ref := range refs {
			if kind := text(ref, "kind"); kind == "" || kind == "Service" {
				to(ref, "spec.rules")
			}
		}
	}
}

// refNamespace is the namespace of what a reference of an object of the Gateway API names.
func refNamespace(o Object, ref map[string]any) string {
	if ns := text(ref, "namespace"); ns != "" {
		return ns
	}
	return o.GetNamespace()
}
