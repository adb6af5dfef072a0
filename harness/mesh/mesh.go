// Package mesh is the lab's Istio: rendered by Istio's own operator packages, applied, awaited by facts, and read back
// from its proxies.
package mesh

import (
	"runtime/debug"
	"strings"
	"sync"

	istiolog "istio.io/istio/pkg/log"
)

const (
	// Namespace is Istio's root namespace.
	Namespace = "istio-system"
	// LabNamespace is where the lab itself keeps what it needs in a cluster, such as the pod that is never created.
	LabNamespace = "canarylab-system"
	// ManagedBy is the label of everything that the lab made and may delete again.
	ManagedBy = "app.kubernetes.io/managed-by"
	// Manager is that label's value.
	Manager = "canarylab"

	domain     = "cluster.local"
	proxyName  = "istio-proxy"
	istiodName = "istiod"
	// gatewayName is the ingress gateway's Deployment and Service, gatewaySelector its pods.
	gatewayName, gatewaySelector = "istio-ingressgateway", "istio=ingressgateway"
)

// Version is the Istio that is built into this program and, unless released images were asked for, into the images:
// "1.31 (eed52ebb66ad)", the release line and the commit. It is "unknown" in a program that carries no module list.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	modules := map[string]string{}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		modules[m.Path] = m.Version
	}
	return VersionOf(modules["istio.io/istio"], modules["istio.io/api"])
}

// VersionOf makes Istio's version, as Version has it, of those of two modules. istio.io/istio is tagged for releases only and is otherwise
// v0.0.0-<time>-<commit>, so the release line comes from istio.io/api, which is tagged from the same release branch.
func VersionOf(istio, api string) string {
	if istio == "" {
		return "unknown"
	}
	pseudo, isPseudo := strings.CutPrefix(istio, "v0.0.0-")
	parts := strings.SplitN(strings.TrimPrefix(api, "v"), ".", 3)
	if !isPseudo || len(parts) < 2 {
		return strings.TrimPrefix(istio, "v")
	}
	return parts[0] + "." + parts[1] + " (" + pseudo[strings.LastIndex(pseudo, "-")+1:] + ")"
}

// quiet silences Istio's loggers, which print to stdout by default: that belongs to the lab's own output. What matters
// comes back as errors.
var quiet = sync.OnceFunc(func() {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
})
