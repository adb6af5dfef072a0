package live

import (
	"maps"
	"runtime"
)

// restrictPod makes a pod one that Pod Security's profile restricted takes, as far as the pod itself decides that
// (https://kubernetes.io/docs/concepts/security/pod-security-standards/). What is said for the whole pod also holds for
// the containers that Istio adds, of which istio-init alone says otherwise: where Istio has its CNI node agent there is
// none. The pod asks for a node of the architecture that the lab's images are for.
func restrictPod(pod map[string]any) {
	context := within(pod, "securityContext")
	context["runAsNonRoot"] = true
	if context["seccompProfile"] == nil {
		context["seccompProfile"] = map[string]any{"type": "RuntimeDefault"}
	}
	selector := within(pod, "nodeSelector")
	if selector[architectureLabel] == nil {
		selector[architectureLabel] = runtime.GOARCH
	}
}

// architectureLabel is on every node (https://kubernetes.io/docs/reference/labels-annotations-taints/).
const architectureLabel = "kubernetes.io/arch"

// restrictContainer does the same for what each container says of itself.
func restrictContainer(container map[string]any) {
	context := within(container, "securityContext")
	context["allowPrivilegeEscalation"] = false
	context["capabilities"] = map[string]any{"drop": []any{"ALL"}}
}

// limits are those of a container that names none: a namespace with a ResourceQuota of limits takes no pod without. A
// limit of the processor can throttle what is measured, so it is far above what a scenario takes: the load agent, the
// program that takes most, has been seen to take 0.3 ms of a processor for a request (docs/cost.md).
var limits = map[string]any{"cpu": "2", "memory": "512Mi"}

// requests are those of a container that names none.
var requests = map[string]any{"cpu": "10m", "memory": "16Mi"}

// bound gives a container the requests and limits that it lacks.
func bound(container map[string]any) {
	resources := within(container, "resources")
	for key, values := range map[string]map[string]any{"requests": requests, "limits": limits} {
		has := within(resources, key)
		missing := maps.Clone(values)
		maps.Copy(missing, has)
		resources[key] = missing
	}
}

// within returns the map below a key, which it makes where there is none.
func within(m map[string]any, key string) map[string]any {
	below, ok := m[key].(map[string]any)
	if !ok {
		below = map[string]any{}
		m[key] = below
	}
	return below
}
