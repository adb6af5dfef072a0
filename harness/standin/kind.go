package standin

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/client-go/kubernetes/scheme"

	"github.com/canarylab/canarylab/harness/manifest"
)

// A class is what a kind is to a plan.
type class int

const (
	unknown class = iota
	namespace
	account
	service
	workload
	// routing has Istio's kinds that are applied as they are written.
	routing
	// indifferent has kinds that no request depends on in the lab.
	indifferent
	// clusterWide has kinds without a namespace: what is applied of them would concern others, and stay.
	clusterWide
	// foreign has kinds by which others than Istio's sidecars route.
	foreign
)

// A kindRow says what the kinds of an API group are. why completes a note or a refusal.
type kindRow struct {
	group string
	kinds []string // none means all others of the group
	class class
	why   string
}

const (
	noTraffic = "No request depends on it in the lab."
	noSecrets = "The stand-ins mount nothing. What a Gateway's credentialName names is made anew."
	stays     = "it is in no namespace, so that it would concern the whole cluster and stay after the run: leave it " +
		"out of what you name"
)

// kindTable has the first row that fits win.
var kindTable = []kindRow{
	{"", []string{"Namespace"}, namespace, ""},
	{"", []string{"ServiceAccount"}, account, ""},
	{"", []string{"Service"}, service, ""},
	{"", []string{"Pod", "ReplicationController"}, workload, ""},
	{"", []string{"Secret"}, indifferent, noSecrets},
	{"", []string{"ConfigMap"}, indifferent, "The stand-ins mount nothing."},
	{"", []string{"Endpoints"}, indifferent, "Nothing outside of the lab is reached."},
	{"", []string{"PersistentVolume", "Node", "ComponentStatus"}, clusterWide, stays},
	{"", nil, indifferent, noTraffic},
	{"apps", []string{"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}, workload, ""},
	{"apps", nil, indifferent, noTraffic},
	{"argoproj.io", []string{"Rollout"}, workload, ""},
	{"argoproj.io", []string{"ClusterAnalysisTemplate", "ClusterWorkflowTemplate"}, clusterWide, stays},
	{"argoproj.io", nil, indifferent, "What it deploys is not in it: name the manifests that it points at, too."},
	{"networking.istio.io", []string{"VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "Sidecar",
		"EnvoyFilter", "WorkloadEntry", "ProxyConfig"}, routing, ""},
	{"networking.istio.io", []string{"WorkloadGroup"}, indifferent, "The lab has no virtual machines."},
	{"security.istio.io", []string{"AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"}, routing, ""},
	{"telemetry.istio.io", []string{"Telemetry"}, indifferent, "The lab has its own access logs."},
	{"extensions.istio.io", nil, indifferent, "The lab's proxies fetch no Wasm. What it does to requests is not " +
		"shown."},
	{"install.istio.io", nil, foreign, "it installs Istio, and the lab has its own: leave it out of what you name"},
	{gatewayGroup, []string{"HTTPRoute", "Gateway", "ReferenceGrant"}, routing, ""},
	{gatewayGroup, []string{"GatewayClass"}, clusterWide, stays},
	{gatewayGroup, nil, foreign, "of the Gateway API the lab plays Gateway, HTTPRoute and ReferenceGrant: leave it " +
		"out of what you name"},
	{"flagger.app", []string{"Canary"}, foreign, "Flagger would make the Services and routes of it at run time, and " +
		"it is not in the lab: name the VirtualService and DestinationRule that it has made (kubectl get -o yaml)"},
	{"flagger.app", nil, indifferent, noTraffic},
	{"networking.k8s.io", []string{"IngressClass", "IPAddress", "ServiceCIDR"}, clusterWide, stays},
	{"networking.k8s.io", []string{"Ingress"}, indifferent, "The lab's way in is Istio's ingress gateway."},
	{"networking.k8s.io", []string{"NetworkPolicy"}, indifferent, "The lab's cluster enforces none: what it forbids " +
		"is let through here."},
	{"rbac.authorization.k8s.io", []string{"ClusterRole", "ClusterRoleBinding"}, clusterWide, stays},
	{"rbac.authorization.k8s.io", nil, indifferent, noTraffic},
	{"discovery.k8s.io", nil, indifferent, "Nothing outside of the lab is reached."},
	{"autoscaling", nil, indifferent, "The stand-ins keep their number of pods."},
	{"autoscaling.k8s.io", nil, indifferent, noTraffic},
	{"keda.sh", []string{"ClusterTriggerAuthentication"}, clusterWide, stays},
	{"keda.sh", nil, indifferent, "The stand-ins keep their number of pods."},
	{"cert-manager.io", []string{"ClusterIssuer"}, clusterWide, stays},
	{"cert-manager.io", nil, indifferent, "What a Gateway's credentialName names is made anew."},
	{"external-secrets.io", []string{"ClusterSecretStore", "ClusterExternalSecret"}, clusterWide, stays},
	{"external-secrets.io", nil, indifferent, noSecrets},
	{"bitnami.com", nil, indifferent, noSecrets},
	{"secrets-store.csi.x-k8s.io", nil, indifferent, noSecrets},
	{"batch", nil, indifferent, "It sends and answers nothing here."},
	{"policy", []string{"PodSecurityPolicy"}, clusterWide, stays},
	{"policy", nil, indifferent, noTraffic},
	{"coordination.k8s.io", nil, indifferent, noTraffic},
	{"events.k8s.io", nil, indifferent, noTraffic},
	{"monitoring.coreos.com", nil, indifferent, noTraffic},
	{"apiextensions.k8s.io", nil, clusterWide, stays},
	{"admissionregistration.k8s.io", nil, clusterWide, stays},
	{"apiregistration.k8s.io", nil, clusterWide, stays},
	{"certificates.k8s.io", nil, clusterWide, stays},
	{"scheduling.k8s.io", nil, clusterWide, stays},
	{"storage.k8s.io", []string{"CSIStorageCapacity"}, indifferent, noTraffic},
	{"storage.k8s.io", nil, clusterWide, stays},
	{"node.k8s.io", nil, clusterWide, stays},
	{"snapshot.storage.k8s.io", []string{"VolumeSnapshotClass", "VolumeSnapshotContent"}, clusterWide, stays},
	{"snapshot.storage.k8s.io", nil, indifferent, noTraffic},
}

// row returns the row of an object's kind, and whether there is one.
func (o Object) row() (kindRow, bool) {
	gvk := o.GroupVersionKind()
	for _, r := range kindTable {
		if r.group == gvk.Group && (len(r.kinds) == 0 || slices.Contains(r.kinds, gvk.Kind)) {
			return r, true
		}
	}
	return kindRow{}, false
}

func (o Object) class() class {
	r, _ := o.row()
	return r.class
}

// A verdict is what becomes of an object.
type verdict int

const (
	taken verdict = iota
	leaveOut
	refused
)

// judge says what becomes of an object by its kind, and why.
func (l *loader) judge(o Object) (verdict, string) {
	r, ok := o.row()
	if hook := o.GetAnnotations()["helm.sh/hook"]; hook != "" && r.class != clusterWide {
		return leaveOut, fmt.Sprintf("It is Helm's only for its hook %s.", hook)
	}
	gk := o.GroupVersionKind().GroupKind()
	switch {
	case scheme.Scheme.IsGroupRegistered(gk.Group) && len(scheme.Scheme.VersionsForGroupKind(gk)) == 0:
		return refused, fmt.Sprintf("Kubernetes has no kind %s in %s: mend it, or leave it out of what you name",
			o.GetKind(), o.GetAPIVersion())
	case !ok:
		return refused, fmt.Sprintf("the lab's cluster has no kind %s of %s: it has Kubernetes' own kinds and Istio's "+
			"(%s), and Gateway, HTTPRoute and ReferenceGrant. Leave it out of what you name", o.GetKind(),
			o.GetAPIVersion(), strings.Join(istioKinds(), ", "))
	case r.class == clusterWide, r.class == foreign:
		return refused, r.why
	case r.class == indifferent:
		return leaveOut, r.why
	case o.kube():
		return o.judgeGatewayAPI()
	case r.class == routing:
		if versions := manifest.IstioVersions(gk); !slices.Contains(versions,
			o.GroupVersionKind().Version) {
			return refused, fmt.Sprintf("the lab's Istio has it as %s only: write apiVersion: %s/%s",
				strings.Join(versions, ", "), r.group, versions[0])
		}
	}
	return taken, ""
}

// istioKinds are the kinds of Istio that a plan takes.
func istioKinds() []string {
	var all []string
	for _, r := range kindTable {
		if r.class == routing && r.group != gatewayGroup {
			all = append(all, r.kinds...)
		}
	}
	return all
}

// podMeta returns the labels of a workload's pods.
func (o Object) podMeta() map[string]string {
	return texts(o.Object, append(o.podPath(), "metadata", "labels")...)
}

// podPath leads to a workload's pod: nowhere for a Pod, to spec.template for others.
func (o Object) podPath() []string {
	if o.GetKind() == "Pod" {
		return nil
	}
	return []string{"spec", "template"}
}
