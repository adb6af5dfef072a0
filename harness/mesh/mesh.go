// Package mesh renders the lab's Istio with Istio's own operator packages, installs it, waits for
// facts about it, and reads back the configuration of its proxies.
package mesh

import (
	"runtime/debug"
	"strings"
	"sync"
	"time"

	istiolog "istio.io/istio/pkg/log"
)

const (
	// Namespace is Istio's root namespace.
	Namespace = "istio-system"
	// LabNamespace is the namespace in which the lab keeps what it needs in a cluster.
	LabNamespace = "canarylab-system"
	// ManagedBy is the label of everything that the lab made and may delete again.
	ManagedBy = "app.kubernetes.io/managed-by"
	// Manager is that label's value.
	Manager = "canarylab"

	// pollEvery is how often a fact is looked at. Whoever waits for it goes on at most that much later.
	pollEvery = 50 * time.Millisecond

	domain     = "cluster.local"
	proxyName  = "istio-proxy"
	istiodName = "istiod"
	// gatewayName is the name of the ingress gateway's Deployment and Service. gatewaySelector selects its pods.
	gatewayName, gatewaySelector = "istio-ingressgateway", "istio=ingressgateway"
)

// Version is the Istio that is built into this program and, unless released images were asked for,
// into the images: "1.31 (eed52ebb66ad)", the release line and the commit. It is "unknown" in a
// program that has no module list.
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

// VersionOf makes Istio's version, in the form of Version, from the versions of two modules.
// istio.io/istio is tagged for releases only and otherwise has the version v0.0.0-<time>-<commit>.
// So the release line comes from istio.io/api, which is tagged from the same release branch.
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

// silenceIstio silences Istio's loggers, which print to stdout by default, where only the lab's own
// output belongs. Problems come back as errors.
var silenceIstio = sync.OnceFunc(func() {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
})
