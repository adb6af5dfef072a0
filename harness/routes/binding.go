package routes

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"istio.io/istio/pkg/config/host"
)

// A binding is the rules of one object at some gateways: of a VirtualService with its delegates, or of an
// HTTPRoute at one of its parents.
type binding struct {
	Object
	created time.Time
	// hosts are as in Rule.Hosts.
	hosts []string
	// gateways are Mesh and namespace/name of gateways.
	gateways []string
	// exportTo is that of the VirtualService, with the dot resolved. Empty is everybody.
	exportTo []string
	// kube tells that it is an HTTPRoute. section and port are those of its parent reference, "" and 0 for any.
	kube    bool
	section string
	port    int
	// rules are indexes in Table.Rules, in the order in which the object has them.
	rules []int
}

// at tells whether the binding is for a gateway.
func (b *binding) at(gateway string) bool { return slices.Contains(b.gateways, gateway) }

// visible tells whether a sidecar in a namespace gets the binding.
//
// An HTTPRoute of another namespace than its Service's is for callers in its own namespace (Gateway API, GAMMA:
// consumer routes; Istio's buildSidecarVirtualHostsForVirtualService).
func (b *binding) visible(namespace string) bool {
	if b.kube {
		_, after, _ := strings.Cut(b.hosts[0], ".")
		owner, _, _ := strings.Cut(after, ".")
		return b.GetNamespace() == owner || b.GetNamespace() == namespace
	}
	return len(b.exportTo) == 0 || slices.Contains(b.exportTo, "*") || slices.Contains(b.exportTo, namespace)
}

// caller returns the namespace of a caller that gets the binding.
func (b *binding) caller() string {
	ns := b.GetNamespace()
	if b.kube || b.visible(ns) {
		return ns
	}
	return b.exportTo[0]
}

// attached tells whether a listener takes the binding, of an HTTPRoute.
func (b *binding) attached(g *gateway, s server) bool {
	return (b.section == "" || b.section == s.section) && (b.port == 0 || b.port == s.port) &&
		s.takes(g, b.GetNamespace())
}

// before orders bindings as Istio does: the older one first, then by name and namespace (configCompareByCreationTime
// in pilot/pkg/model/config.go).
func before(a, b *binding) int {
	return cmp.Or(
		a.created.Compare(b.created),
		cmp.Compare(a.GetName(), b.GetName()), cmp.Compare(a.GetNamespace(), b.GetNamespace()),
	)
}

// wild tells whether a host is one with a wildcard.
func wild(h string) bool { return host.Name(h).IsWildCarded() }

// covers tells whether a host, perhaps with a wildcard, is that of a request.
func covers(pattern, name string) bool { return host.Name(name).SubsetOf(host.Name(pattern)) }

// specific orders hosts as Envoy tries them: exact ones first, then the longest wildcard.
func specific(a, b string) int {
	switch {
	case a == b:
		return 0
	case host.MoreSpecific(host.Name(a), host.Name(b)):
		return -1
	default:
		return 1
	}
}

func hostNames(hosts []string) host.Names { return host.NewNames(hosts) }
