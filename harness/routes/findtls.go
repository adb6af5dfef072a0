package routes

import (
	"fmt"
	"maps"
	"slices"

	networking "istio.io/api/networking/v1alpha3"
	security "istio.io/api/security/v1beta1"
)

// findInPeerAuthentications looks for ports of Services in the place of the pods'. As in an AuthorizationPolicy, the
// port is that at which the pod listens (security/v1beta1/peer_authentication.proto: port_level_mtls).
func (t *Table) findInPeerAuthentications() {
	each(t.world, "security.istio.io/PeerAuthentication", func(o Object, spec *security.PeerAuthentication) {
		if len(spec.GetSelector().GetMatchLabels()) == 0 {
			return // Istio takes no ports without a selector
		}
		mapped, pods := t.podPorts(policy{Object: o, selector: spec.GetSelector().GetMatchLabels()})
		for _, port := range slices.Sorted(maps.Keys(spec.PortLevelMtls)) {
			if why, ok := mapped[int(port)]; ok && !pods[int(port)] {
				t.find(PolicyPort, o, o.at(fmt.Sprintf("spec.portLevelMtls.%d", port)), -1,
					fmt.Sprintf("The policy is for port %d, and %s: a pod's proxy sees the pod's port, so that "+
						"nothing is set by it.", port, why), "Name the pods' port.")
			}
		}
	})
}

// peerMode returns the mode by which pods with labels take connections, and the object that says so: one for the pods,
// or else one for the namespace.
func (w *world) peerMode(ns string, labels map[string]string) (
	mode security.PeerAuthentication_MutualTLS_Mode, by string,
) {
	found := false
	each(w, "security.istio.io/PeerAuthentication", func(o Object, spec *security.PeerAuthentication) {
		if o.GetNamespace() != ns || spec.GetMtls().GetMode() == security.PeerAuthentication_MutualTLS_UNSET {
			return
		}
		selector := spec.GetSelector().GetMatchLabels()
		if len(selector) == 0 && !found || len(selector) > 0 && subset(selector, labels) {
			mode, by = spec.Mtls.Mode, o.ref()
			found = found || len(selector) > 0
		}
	})
	return mode, by
}

// findTLSMismatches looks for DestinationRules that turn mutual TLS off where pods take nothing else, or on where they
// take none.
func (t *Table) findTLSMismatches() {
	for _, dr := range t.world.trafficPolicies() {
		tls := dr.policy.GetTls()
		if tls == nil || dr.selector {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(t.world.services)) {
			svc := t.world.services[name]
			if svc.entry || !covers(dr.host, name) || !slices.ContainsFunc(t.world.rulesOf(svc, svc.namespace),
				func(got destinationRule) bool { return got.ref() == dr.ref() }) {
				continue
			}
			mode, by := t.world.peerMode(svc.namespace, t.world.podLabels(svc))
			text := ""
			switch {
			case tls.Mode == networking.ClientTLSSettings_DISABLE &&
				mode == security.PeerAuthentication_MutualTLS_STRICT:
				text = "Callers' proxies send plain text to %s, and %s has its pods take nothing but mutual TLS: " +
					"each request gets 503."
			case tls.Mode == networking.ClientTLSSettings_ISTIO_MUTUAL &&
				mode == security.PeerAuthentication_MutualTLS_DISABLE:
				text = "Callers' proxies send mutual TLS to %s, and %s has its pods take plain text alone: each " +
					"request gets 503."
			default:
				continue
			}
			t.find(TLSMismatch, dr.Object, dr.at("spec.trafficPolicy.tls"), -1, fmt.Sprintf(text, name, by),
				"Leave the TLS out of the DestinationRule: then Istio uses what the pods take.")
		}
	}
}

// podLabels returns the labels of a Service's pods: those of the first workload among the objects, or else the
// selector.
func (w *world) podLabels(svc *service) map[string]string {
	if behind := w.behind(svc); len(behind) > 0 {
		return behind[0].labels
	}
	return svc.selector
}
