package routes

import (
	"fmt"
	"slices"
	"strings"

	networking "istio.io/api/networking/v1alpha3"
)

// rulesOf returns the DestinationRules that callers in a namespace get for a Service. Istio looks in the callers'
// namespace, then in the Service's, then in the root namespace, and takes the most specific host of the first of these
// that has any: nothing is merged across namespaces (PushContext.destinationRule in pilot/pkg/model/push_context.go).
func (w *world) rulesOf(svc *service, ns string) []destinationRule {
	pick := func(in string) []destinationRule {
		best := ""
		var all []destinationRule
		for _, dr := range w.subsets {
			if dr.GetNamespace() != in || !covers(dr.host, svc.host) || !dr.exportedTo(ns) {
				continue
			}
			if best == "" || specific(dr.host, best) < 0 {
				best, all = dr.host, nil
			}
			if dr.host == best {
				all = append(all, dr)
			}
		}
		return all
	}
	for _, in := range []string{ns, svc.namespace, RootNamespace} {
		if all := pick(in); len(all) > 0 {
			return all
		}
	}
	return nil
}

// exportedTo tells whether callers in a namespace may get the DestinationRule.
func (dr destinationRule) exportedTo(ns string) bool {
	return len(dr.exportTo) == 0 || ns == dr.GetNamespace() ||
		slices.Contains(dr.exportTo, "*") || slices.Contains(dr.exportTo, ns)
}

// findNearer looks for a DestinationRule of the callers' own namespace that hides the one which defines a subset.
func (t *Table) findNearer(i int, d Destination, svc *service) {
	r := t.Rules[i]
	if !slices.Contains(r.Gateways, Mesh) {
		return
	}
	got := t.world.rulesOf(svc, r.object.GetNamespace())
	if len(got) == 0 || slices.ContainsFunc(got, func(dr destinationRule) bool {
		return slices.Contains(dr.names(), d.Subset)
	}) {
		return
	}
	t.findRule(HiddenSubset, i,
		fmt.Sprintf("Callers in %s get %s for %s, alone, and it has no subset %s: they get 503.",
			r.object.GetNamespace(), got[0].ref(), d.Host, d.Subset),
		fmt.Sprintf("Define the subset there too, or put what %s says into the DestinationRule that has the subsets.",
			got[0].ref()))
}

// findHashAfterWeights looks for rules that share requests out among subsets of a host whose pods a hash picks: the
// weight picks the cluster, and only in that the hash picks a pod, so that one session meets several subsets.
func (t *Table) findHashAfterWeights(i int) {
	r := t.Rules[i]
	if len(r.Action.Destinations) < 2 {
		return
	}
	for _, dr := range t.world.trafficPolicies() {
		n := 0
		for _, d := range r.Action.Destinations {
			if covers(dr.host, d.Host) && d.Percent < 100 {
				n++
			}
		}
		if n > 1 && dr.policy.GetLoadBalancer().GetConsistentHash() != nil {
			t.findRule(HashAfterWeights, i,
				fmt.Sprintf("%s shares requests out by weights, and %s picks pods by a hash: the weights come "+
					"first, so that one session meets several of the destinations.", r.Path, dr.ref()),
				"Let a match on the header or cookie pick the version, so that a session stays with one.")
			return
		}
	}
}

// originates tells whether a DestinationRule has callers' proxies send TLS of its own to a Service's port.
func (w *world) originates(svc *service, port int) bool {
	for _, dr := range w.trafficPolicies() {
		if !covers(dr.host, svc.host) {
			continue
		}
		tls := dr.policy.Tls
		for _, p := range dr.policy.PortLevelSettings {
			if int(p.GetPort().GetNumber()) == port {
				tls = p.Tls
			}
		}
		if m := tls.GetMode(); m == networking.ClientTLSSettings_SIMPLE || m == networking.ClientTLSSettings_MUTUAL {
			return true
		}
	}
	return false
}

// A trafficPolicy is a DestinationRule with its policy.
type trafficPolicy struct {
	destinationRule
	policy   *networking.TrafficPolicy
	selector bool
}

// trafficPolicies returns the DestinationRules that have one, in their order.
func (w *world) trafficPolicies() []trafficPolicy {
	var all []trafficPolicy
	each(w, groupIstio+"/DestinationRule", func(o Object, spec *networking.DestinationRule) {
		if spec.TrafficPolicy == nil {
			return
		}
		all = append(all, trafficPolicy{
			destinationRule{o, qualify(spec.Host, o.GetNamespace()), spec.ExportTo, spec.Subsets}, spec.TrafficPolicy,
			spec.WorkloadSelector != nil,
		})
	})
	return all
}

// findInTrafficPolicies looks for settings that are not there.
func (t *Table) findInTrafficPolicies() {
	all := t.world.trafficPolicies()
	t.findPools()
	for i, dr := range all {
		t.findPortSettings(dr)
		for _, other := range slices.Concat(all[:i], all[i+1:]) {
			if dr.host == other.host && dr.GetNamespace() == other.GetNamespace() && !dr.selector && !other.selector &&
				slices.Equal(dr.exportTo, other.exportTo) && older(other.Object, dr.Object) {
				t.find(DuplicateRule, dr.Object, dr.at("spec.trafficPolicy"), -1,
					fmt.Sprintf("%s has a traffic policy for %s too: Istio takes that of the older one alone, or, "+
						"where both are made in the same second, of the first by name. This one is ignored.",
						other.ref(), dr.host),
					"Put the traffic policies for a host into one DestinationRule.")
				break
			}
		}
	}
}

// findPools looks for connection pools in which one request fills the Service: the bound is for all that a caller's
// proxy has under way to all of its pods, by HTTP/1.1 too (http2MaxRequests in networking/v1alpha3/
// destination_rule.proto, which is max_requests of Envoy's circuit breakers).
func (t *Table) findPools() {
	each(t.world, groupIstio+"/DestinationRule", func(o Object, spec *networking.DestinationRule) {
		look := func(pool *networking.ConnectionPoolSettings, at string) {
			if pool.GetHttp().GetHttp2MaxRequests() == 1 {
				t.find(OneAtATime, o, o.at(at+".connectionPool"), -1,
					fmt.Sprintf("http2MaxRequests is 1 for %s: while one request of a caller's proxy is under way, to "+
						"whichever pod, another one gets 503 UO.", spec.Host),
					"Have room for as many requests as a caller has under way at once. To have each pod get one at a "+
						"time, bound it in the app.")
			}
		}
		policy := func(p *networking.TrafficPolicy, at string) {
			look(p.GetConnectionPool(), at)
			for i, port := range p.GetPortLevelSettings() {
				look(port.GetConnectionPool(), fmt.Sprintf("%s.portLevelSettings[%d]", at, i))
			}
		}
		policy(spec.TrafficPolicy, "spec.trafficPolicy")
		for i, s := range spec.Subsets {
			policy(s.TrafficPolicy, fmt.Sprintf("spec.subsets[%d].trafficPolicy", i))
		}
	})
}

// older orders objects as Istio does.
func older(a, b Object) bool {
	return before(&binding{Object: a, created: a.GetCreationTimestamp().Time},
		&binding{Object: b, created: b.GetCreationTimestamp().Time}) < 0
}

// findPortSettings looks for what stands beside the settings of a port, which inherit nothing (PortTrafficPolicy in
// networking/v1alpha3/destination_rule.proto). A simple load balancer is left out: without it Istio has its own.
func (t *Table) findPortSettings(dr trafficPolicy) {
	for i, p := range dr.policy.PortLevelSettings {
		var lost []string
		for _, one := range []struct {
			name      string
			top, port bool
		}{
			{"connectionPool", dr.policy.ConnectionPool != nil, p.ConnectionPool != nil},
			{"outlierDetection", dr.policy.OutlierDetection != nil, p.OutlierDetection != nil},
			{"tls", dr.policy.Tls != nil, p.Tls != nil},
			{"loadBalancer", dr.policy.GetLoadBalancer().GetConsistentHash() != nil, p.LoadBalancer != nil},
		} {
			if one.top && !one.port {
				lost = append(lost, one.name)
			}
		}
		if len(lost) > 0 {
			t.find(PortSettings, dr.Object, dr.at(fmt.Sprintf("spec.trafficPolicy.portLevelSettings[%d]", i)), -1,
				fmt.Sprintf("What is set for port %d inherits nothing: %s of the same traffic policy is not there "+
					"for it.",
					p.GetPort().GetNumber(), strings.Join(lost, " and ")),
				"Repeat it among the settings of the port.")
		}
	}
}
