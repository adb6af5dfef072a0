package mesh

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	networking "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/schema/gvk"
)

// A scope says what of a proxy's listeners is compared: what the EnvoyFilters, PeerAuthentications and AuthorizationPolicies of
// one namespace decide, or once decided. The rest follows from Istio's version and settings, which an Istio that is not the
// lab's own does not share with this program. A scope does not change once it was made.
type scope struct {
	// directions are those of the listeners that are looked at, in Envoy's words: "INBOUND", and "OUTBOUND", which a gateway's
	// are too.
	directions map[string]bool
	// transport tells that it is compared how inbound connections have to come: by mutual TLS, in the clear, or both.
	transport bool
	// filters has what is compared of each filter for listeners, connections or HTTP, by its name. A filter that is there and
	// should not be, or the other way around, always counts.
	filters map[string]fields
	// listener and chain are what is compared of each listener and each filter chain.
	listener, chain fields
	// routes tells that the inbound routes are compared, which are part of their listener.
	routes bool
	// added are the names of listeners that an EnvoyFilter adds or removes: all of them is compared.
	added map[string]bool
}

// fields are the keys of the fields that are compared; everything is one of them if all of it is.
type fields map[string]bool

const everything = "*"

// The filters that an AuthorizationPolicy ends up in.
const httpRBAC, networkRBAC = "envoy.filters.http.rbac", "envoy.filters.network.rbac"

const (
	inbound, outbound = "INBOUND", "OUTBOUND"
	manager           = "envoy.filters.network.http_connection_manager"
)

// empty tells whether there is nothing to compare.
func (s *scope) empty() bool { return s == nil || len(s.directions)+len(s.added) == 0 }

// covers tells whether a listener is looked at.
func (s *scope) covers(name, direction string) bool {
	return s.directions[direction] || s.added[name]
}

// with returns what is compared where the objects of namespace ns count as well: s itself if that is no more.
func (s *scope) with(configs []config.Config, ns string) *scope {
	more := &scope{directions: map[string]bool{}, filters: map[string]fields{}, listener: fields{}, chain: fields{}, added: map[string]bool{}}
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
		case gvk.EnvoyFilter:
			// The lab's own is known by its loggers' names.
			if c.Name != AccessLogName {
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

// filter has a filter compared, and of its configuration these fields.
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

// patch takes in what one patch of an EnvoyFilter may change of a listener. What it changes of clusters and outbound routes is
// compared in any case, with the rest of them.
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
	case networking.EnvoyFilter_ROUTE_CONFIGURATION, networking.EnvoyFilter_VIRTUAL_HOST, networking.EnvoyFilter_HTTP_ROUTE:
		switch p.GetMatch().GetContext() {
		case networking.EnvoyFilter_ANY, networking.EnvoyFilter_SIDECAR_INBOUND:
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

// patchFilter takes in a patch of a filter that matches matched and brings name.
func (s *scope) patchFilter(operation networking.EnvoyFilter_Patch_Operation, matched, name string, value *structpb.Struct) {
	switch operation {
	case networking.EnvoyFilter_Patch_MERGE:
		if matched == "" {
			matched = name
		}
		s.filter(matched, keys(value.GetFields()["typed_config"].GetStructValue())...)
	case networking.EnvoyFilter_Patch_REMOVE:
		s.filter(matched)
	case networking.EnvoyFilter_Patch_REPLACE:
		s.filter(matched, everything)
		s.filter(name, everything)
	default:
		s.filter(name, everything)
	}
}

// unread are keys of a listener, filter chain or filter that are compared in ways of their own, or tell nothing.
var unread = []string{"@type", "name", "filter_chains", "default_filter_chain", "listener_filters", "filters", "http_filters", "route_config"}

// keys are those of a patch's value. Istio takes both of Protobuf's spellings; Envoy prints the one with underscores.
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
		if k := snake.String(); !slices.Contains(unread, k) {
			all = append(all, k)
		}
	}
	return all
}

// A listener is the part of Envoy's listener (envoy.config.listener.v3.Listener) that is read by name.
type listener struct {
	Name             string         `json:"name"`
	TrafficDirection string         `json:"traffic_direction"`
	ListenerFilters  []filter       `json:"listener_filters"`
	FilterChains     []*filterChain `json:"filter_chains"`
	DefaultChain     *filterChain   `json:"default_filter_chain"`
}

type filterChain struct {
	Name  string `json:"name"`
	Match struct {
		TransportProtocol string `json:"transport_protocol"`
	} `json:"filter_chain_match"`
	TransportSocket *struct {
		TypedConfig struct {
			RequireClientCertificate bool `json:"require_client_certificate"`
		} `json:"typed_config"`
	} `json:"transport_socket"`
	Filters []filter `json:"filters"`
	// all is everything, by key.
	all map[string]any
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *filterChain) UnmarshalJSON(b []byte) error {
	type plain filterChain
	if err := json.Unmarshal(b, (*plain)(c)); err != nil {
		return err
	}
	return json.Unmarshal(b, &c.all)
}

// A filter is Envoy's filter of any sort, by key: it has a name and a typed_config.
type filter map[string]any

func (f filter) name() string {
	name, _ := f["name"].(string)
	return name
}

func (f filter) config() map[string]any {
	c, _ := f["typed_config"].(map[string]any)
	return c
}

// parts is what is compared of one listener, part by part: each has a name that begins with the listener's. Filter chains
// differ by what they match, and several have the same name: their parts are the set of what there is.
func (s *scope) parts(tree map[string]any) (map[string]string, error) {
	b, err := json.Marshal(tree)
	if err != nil {
		return nil, fmt.Errorf("print a listener: %w", err)
	}
	var l listener
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("read a listener: %w", err)
	}
	if !s.covers(l.Name, l.TrafficDirection) {
		return nil, nil
	}
	// Envoy says it of the whole, which a generator's listener is not wrapped in.
	delete(tree, "@type")
	p := parts{}
	at := "listener " + l.Name
	if s.added[l.Name] {
		p.add(at, "configuration", tree)
	}
	p.fields(at, s.listener, tree)
	s.filtersOf(p, at+", listener filters", l.ListenerFilters)
	for _, c := range append(l.FilterChains, l.DefaultChain) {
		if c == nil {
			continue
		}
		at := at + ", chain " + orNone(c.Name)
		p.fields(at, s.chain, c.all)
		if s.transport && l.TrafficDirection == inbound {
			p.add(at, "transport", c.transport())
		}
		s.filtersOf(p, at+", filters", c.Filters)
		for _, f := range c.Filters {
			if f.name() != manager {
				continue
			}
			var http []filter
			for _, h := range items(f.config()["http_filters"]) {
				http = append(http, h)
			}
			s.filtersOf(p, at+", HTTP filters", http)
			if s.routes && l.TrafficDirection == inbound {
				if err := p.routes(at, f.config()); err != nil {
					return nil, err
				}
			}
		}
	}
	return p.texts()
}

// transport says how connections have to come that a chain takes.
func (c *filterChain) transport() string {
	switch {
	case c.TransportSocket != nil && c.TransportSocket.TypedConfig.RequireClientCertificate:
		return "mutual TLS"
	case c.TransportSocket != nil:
		return "TLS"
	case c.Match.TransportProtocol == "tls":
		return "TLS of the app's own"
	}
	return "plaintext"
}

// filtersOf adds those of a chain's filters that are compared: their order, and what of each of them is.
func (s *scope) filtersOf(p parts, at string, all []filter) {
	var names []string
	for _, f := range all {
		compared, ok := s.filters[f.name()]
		if !ok {
			continue
		}
		names = append(names, f.name())
		if compared[everything] {
			p.add(at, f.name(), map[string]any(f))
		} else {
			p.fields(at+", "+f.name(), compared, f.config())
		}
	}
	if len(names) > 0 {
		p.add(at, "names", strings.Join(names, ", "))
	}
}

// parts collects what is compared, by name.
type parts map[string][]any

func (p parts) add(at, what string, value any) { p[at+", "+what] = append(p[at+", "+what], value) }

// fields adds those of compared that are there.
func (p parts) fields(at string, compared fields, of map[string]any) {
	for key := range compared {
		if v, ok := of[key]; ok {
			p.add(at, key, v)
		}
	}
}

// routes adds the routes that a connection manager has itself, as inbound ones do.
func (p parts) routes(at string, manager map[string]any) error {
	config, _ := manager["route_config"].(map[string]any)
	for _, host := range items(config["virtual_hosts"]) {
		name, _ := host["name"].(string)
		var texts []string
		for _, route := range items(host["routes"]) {
			t, err := canonicalRoute(route)
			if err != nil {
				return err
			}
			texts = append(texts, t)
		}
		p.add(at, "virtual host "+name, strings.Join(texts, " "))
		p.fields(at+", virtual host "+name, fields{"typed_per_filter_config": true, "rate_limits": true}, host)
	}
	p.fields(at+", routes", fields{"typed_per_filter_config": true}, config)
	return nil
}

// items are the objects of a JSON array.
func items(array any) []map[string]any {
	list, _ := array.([]any)
	all := make([]map[string]any, 0, len(list))
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func (p parts) texts() (map[string]string, error) {
	all := make(map[string]string, len(p))
	for name, values := range p {
		var texts []string
		for _, v := range values {
			t, ok := v.(string)
			if !ok {
				var err error
				if t, err = text(v); err != nil {
					return nil, err
				}
			}
			texts = append(texts, t)
		}
		slices.Sort(texts)
		all[name] = strings.Join(slices.Compact(texts), " and ")
	}
	return all, nil
}
