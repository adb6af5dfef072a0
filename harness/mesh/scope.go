package mesh

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/gvk"
)

// A scope says what is compared of a proxy's listeners: what the EnvoyFilters, PeerAuthentications,
// AuthorizationPolicies and TCP routes of one namespace decide, or decided earlier. The rest follows from
// Istio's version and settings, which may differ between this program and an Istio that it did not
// install. A scope never changes.
type scope struct {
	// directions has the directions of the compared listeners, in Envoy's words: "INBOUND", and
	// "OUTBOUND", which a gateway's listeners have too.
	directions map[string]bool
	// transport tells to compare how inbound connections must come: by mutual TLS, as plaintext, or both.
	transport bool
	// filters has the compared fields of each filter for listeners, connections or HTTP, by its
	// name. A filter that is missing, or there without being wanted, always counts.
	filters map[string]fields
	// listener and chain are the compared fields of each listener and each filter chain.
	listener, chain fields
	// routes tells to compare the inbound routes, which are part of their listener.
	routes bool
	// added has the names of listeners that an EnvoyFilter adds or removes. These are compared as a whole.
	added map[string]bool
}

// fields are the keys of the compared fields. With everything among them, all are compared.
type fields map[string]bool

const everything = "*"

// These are the filters that Istio makes of an AuthorizationPolicy.
const httpRBAC, networkRBAC = "envoy.filters.http.rbac", "envoy.filters.network.rbac"

const (
	inbound, outbound = "INBOUND", "OUTBOUND"
	connectionManager = "envoy.filters.network.http_connection_manager"
)

// empty tells whether there is nothing to compare.
func (s *scope) empty() bool { return s == nil || len(s.directions)+len(s.added) == 0 }

// covers tells whether a listener is compared.
func (s *scope) covers(name, direction string) bool {
	return s.directions[direction] || s.added[name]
}

// with returns a scope that also covers the policies of namespace ns in configs. It returns s
// itself if s covers them already.
func (s *scope) with(configs []config.Config, ns string) *scope {
	more := &scope{
		directions: map[string]bool{}, filters: map[string]fields{},
		listener: fields{}, chain: fields{}, added: map[string]bool{},
	}
	if s != nil {
		more.directions, more.added = maps.Clone(s.directions), maps.Clone(s.added)
		more.listener, more.chain = maps.Clone(s.listener), maps.Clone(s.chain)
		more.transport, more.routes = s.transport, s.routes
		for name, f := range s.filters {
			more.filters[name] = maps.Clone(f)
		}
	}
	for _, c := range configs {
		if c.Namespace != ns {
			continue
		}
		switch c.GroupVersionKind {
		case gvk.PeerAuthentication:
			more.directions[inbound], more.transport = true, true
		case gvk.AuthorizationPolicy:
			more.directions[inbound], more.directions[outbound] = true, true
			more.filter(httpRBAC, everything)
			more.filter(networkRBAC, everything)
		case gvk.VirtualService:
			// Its routes for HTTP are compared elsewhere. Those for connections are in the listeners themselves.
			if len(c.Spec.(*networking.VirtualService).GetTcp()) > 0 {
				more.directions[outbound] = true
				more.filter(tcpProxy, "cluster", "weighted_clusters", "max_downstream_connection_duration")
			}
		case gvk.EnvoyFilter:
			// The lab's own EnvoyFilter is recognized by its loggers' names.
			if c.Name != accessLogName {
				for _, p := range c.Spec.(*networking.EnvoyFilter).GetConfigPatches() {
					more.patch(p)
				}
			}
		}
	}
	if s != nil && reflect.DeepEqual(s, more) {
		return s
	}
	return more
}

// filter adds a filter and the given fields of its configuration to what is compared.
func (s *scope) filter(name string, keys ...string) {
	if name == "" {
		return
	}
	if s.filters[name] == nil {
		s.filters[name] = fields{}
	}
	s.filters[name].add(keys...)
}

func (f fields) add(keys ...string) {
	for _, k := range keys {
		f[k] = true
	}
}

// patch adds what one patch of an EnvoyFilter may change of a listener. Clusters and outbound
// routes, which it may also change, are always compared.
func (s *scope) patch(p *networking.EnvoyFilter_EnvoyConfigObjectPatch) {
	value := p.GetPatch().GetValue()
	name := value.GetFields()["name"].GetStringValue()
	operation := p.GetPatch().GetOperation()
	match := p.GetMatch().GetListener()
	filter := match.GetFilterChain().GetFilter()
	switch p.GetApplyTo() {
	case networking.EnvoyFilter_LISTENER:
		switch operation {
		case networking.EnvoyFilter_Patch_MERGE:
			s.listener.add(keys(value)...)
		case networking.EnvoyFilter_Patch_REMOVE:
			s.added[match.GetName()] = true
			return
		default:
			s.added[name] = true
			return
		}
	case networking.EnvoyFilter_FILTER_CHAIN:
		s.chain.add(append(keys(value), "name")...)
	case networking.EnvoyFilter_LISTENER_FILTER:
		s.patchFilter(operation, match.GetListenerFilter(), name, value)
	case networking.EnvoyFilter_NETWORK_FILTER:
		s.patchFilter(operation, filter.GetName(), name, value)
	case networking.EnvoyFilter_HTTP_FILTER:
		s.patchFilter(operation, filter.GetSubFilter().GetName(), name, value)
	case networking.EnvoyFilter_ROUTE_CONFIGURATION, networking.EnvoyFilter_VIRTUAL_HOST,
		networking.EnvoyFilter_HTTP_ROUTE:
		if c := p.GetMatch().GetContext(); c == networking.EnvoyFilter_ANY ||
			c == networking.EnvoyFilter_SIDECAR_INBOUND {
			s.directions[inbound], s.routes = true, true
		}
		return
	default:
		return
	}
	switch p.GetMatch().GetContext() {
	case networking.EnvoyFilter_SIDECAR_INBOUND:
		s.directions[inbound] = true
	case networking.EnvoyFilter_SIDECAR_OUTBOUND, networking.EnvoyFilter_GATEWAY:
		s.directions[outbound] = true
	default:
		s.directions[inbound], s.directions[outbound] = true, true
	}
}

// patchFilter adds a patch that matches the filter called matched and brings one called name.
func (s *scope) patchFilter(
	operation networking.EnvoyFilter_Patch_Operation, matched, name string, value *structpb.Struct,
) {
	switch operation {
	case networking.EnvoyFilter_Patch_MERGE:
		s.filter(cmp.Or(matched, name), keys(value.GetFields()["typed_config"].GetStructValue())...)
	case networking.EnvoyFilter_Patch_REMOVE:
		s.filter(matched)
	case networking.EnvoyFilter_Patch_REPLACE:
		s.filter(matched, everything)
		s.filter(name, everything)
	default:
		s.filter(name, everything)
	}
}

// comparedElsewhere are keys of a listener, filter chain or filter that are compared in another way, or say nothing.
var comparedElsewhere = []string{
	"@type", "name", "filter_chains", "default_filter_chain", "listener_filters", "filters", "http_filters",
	"route_config",
}

// keys returns the keys of a patch's value. Istio accepts both of Protobuf's spellings, and Envoy
// prints the one with underscores.
func keys(value *structpb.Struct) []string {
	var all []string
	for k := range value.GetFields() {
		var snake strings.Builder
		for _, r := range k {
			if 'A' <= r && r <= 'Z' {
				snake.WriteByte('_')
				r += 'a' - 'A'
			}
			snake.WriteRune(r)
		}
		if k := snake.String(); !slices.Contains(comparedElsewhere, k) {
			all = append(all, k)
		}
	}
	return all
}
